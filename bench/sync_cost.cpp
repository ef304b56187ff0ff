// What it costs to have growing files on stable storage once a second: one fdatasync a file, or one syncfs
// for all of them. Prints the figures of docs/durability.md:
//
//   sync_cost FOLDER FILES SECONDS    (each file grows by 250 kB/s, as at 2 Mb/s, and a journal beside it)
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

enum class Mode { none, fdatasync_each, syncfs_once };

constexpr auto write_interval = 50ms;
constexpr std::size_t write_size = 12'500;
constexpr std::size_t journal_line = 140;

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void die(const std::string& what) {
  std::perror(what.c_str());
  std::exit(1);
}

struct Files {
  std::string folder;
  std::vector<std::string> paths;
  std::vector<int> descriptors;

  Files(const std::string& where, int count) : folder(where) {
    for (int i = 0; i < count; ++i) {
      for (const char* extension : {".ts", ".journal.jsonl"}) {
        paths.push_back(folder + "/sync_cost_" + std::to_string(i) + extension);
        descriptors.push_back(
            open(paths.back().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (descriptors.back() < 0) die(paths.back());
      }
    }
  }
  ~Files() {
    for (const int descriptor : descriptors) close(descriptor);
    for (const std::string& path : paths) unlink(path.c_str());
  }
};

void sync_round(const Files& files, int folder, Mode mode) {
  if (mode == Mode::syncfs_once) {
    if (syncfs(folder) != 0) die("syncfs");
  } else if (mode == Mode::fdatasync_each) {
    for (const int descriptor : files.descriptors) {
      if (fdatasync(descriptor) != 0) die("fdatasync");
    }
  }
}

void measure(const char* name, Mode mode, const std::string& folder, int count, int seconds) {
  const Files files(folder, count);
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) die(folder);
  sync();
  std::vector<double> writes, rounds;
  std::atomic<bool> over = false;
  const double cpu_before = cpu_seconds();
  std::thread syncer([&] {
    for (auto next = Clock::now() + 1s; !over; next = std::max(next + 1s, Clock::now())) {
      std::this_thread::sleep_until(next);
      const auto begun = Clock::now();
      sync_round(files, directory, mode);
      rounds.push_back(milliseconds(Clock::now() - begun));
    }
  });
  const std::string data(write_size, 'x');
  const std::string line(journal_line, 'j');
  const auto start = Clock::now();
  for (int turn = 0; Clock::now() < start + std::chrono::seconds(seconds); ++turn) {
    for (std::size_t i = 0; i < files.descriptors.size(); ++i) {
      const bool journal = i % 2 == 1;
      if (journal && turn % 20 != 0) continue;
      const std::string& bytes = journal ? line : data;
      const auto begun = Clock::now();
      if (write(files.descriptors[i], bytes.data(), bytes.size()) < 0) die("write");
      writes.push_back(milliseconds(Clock::now() - begun));
    }
    std::this_thread::sleep_until(start + (turn + 1) * write_interval);
  }
  over = true;
  syncer.join();
  close(directory);
  std::ranges::sort(writes);
  std::ranges::sort(rounds);
  const auto at = [](const std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
  };
  std::printf(
      "%-10s %4d recordings: a round takes %7.1f ms (worst %7.1f), a write %6.3f ms (p99.9 %7.1f, worst "
      "%7.1f), %5.2f CPU-s\n",
      name, count, at(rounds, 0.5), rounds.back(), at(writes, 0.5), at(writes, 0.999), writes.back(),
      cpu_seconds() - cpu_before);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: sync_cost FOLDER FILES SECONDS\n");
    return 2;
  }
  const int count = std::atoi(argv[2]);
  const int seconds = std::atoi(argv[3]);
  measure("none", Mode::none, argv[1], count, seconds);
  measure("fdatasync", Mode::fdatasync_each, argv[1], count, seconds);
  measure("syncfs", Mode::syncfs_once, argv[1], count, seconds);
}

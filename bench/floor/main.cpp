// The floor under a recorder: receives, decrypts, appends, nothing else. See --help.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>

#include "floor/receiver.hpp"
#include "io/clock.hpp"
#include "io/signals.hpp"
#include "load/json_line.hpp"

namespace holdfast::bench {
namespace {

enum class Sockets : std::uint8_t { shared, each };

struct Options {
  std::uint16_t port = 0;
  Sockets sockets = Sockets::shared;
  std::uint32_t sessions = 1;
  std::string folder;
  unsigned workers = 1;
  int tick_ms = 5;
  std::optional<int> write_interval_ms;
  int journal_interval_ms = 1000;
  int sync_interval_ms = 1000;
};

struct Cpu {
  double user = 0;
  double system = 0;
};
Cpu read_cpu() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

struct Worker {
  std::unique_ptr<FileSet> files;
  std::unique_ptr<Receiver> receiver;
};

Result<std::vector<io::UdpSocket>> open_sockets(const Options& options, unsigned worker,
                                                const std::vector<std::uint32_t>& numbers) {
  std::vector<io::UdpSocket> sockets;
  const auto open = [&](std::uint32_t after) -> Result<void> {
    const Endpoint local{IpAddress::from_v4(127, 0, 0, 1), static_cast<std::uint16_t>(options.port + after)};
    auto socket = io::UdpSocket::open(local, Receiver::Options{}.receive_buffer_bytes);
    if (!socket) return std::unexpected(socket.error());
    sockets.push_back(std::move(*socket));
    return {};
  };
  if (options.sockets == Sockets::shared) {
    if (auto opened = open(worker); !opened) return std::unexpected(opened.error());
    return sockets;
  }
  for (const std::uint32_t number : numbers) {
    if (auto opened = open(number); !opened) return std::unexpected(opened.error());
  }
  return sockets;
}

// Once a packet came, or a signal: true.
bool wait_for_packets(io::StopSignals& signals, const std::vector<Worker>& workers) {
  for (;;) {
    for (const Worker& worker : workers) {
      if (worker.receiver->has_begun()) return false;
    }
    if (signals.wait_until(io::read_monotonic_clock() + std::chrono::milliseconds(20))) return true;
  }
}

void report(const std::vector<Worker>& workers, const Cpu& before, const Cpu& after) {
  ReceiverCounters sum;
  FileCalls calls;
  std::uint64_t overflows = 0;
  for (const Worker& worker : workers) {
    const ReceiverCounters& each = worker.receiver->counters();
    sum.packets += each.packets;
    sum.bytes += each.bytes;
    sum.failures += each.failures;
    sum.strays += each.strays;
    sum.rounds += each.rounds;
    sum.receives += each.receives;
    sum.first = std::min(sum.first, each.first);
    sum.last = std::max(sum.last, each.last);
    overflows += worker.receiver->overflows();
    const FileCalls written = worker.files->calls();
    calls.writes += written.writes;
    calls.bytes += written.bytes;
    calls.syncs += written.syncs;
    calls.handovers += written.handovers;
  }
  const double user = after.user - before.user;
  const double system = after.system - before.system;
  const double packets = static_cast<double>(std::max<std::uint64_t>(sum.packets, 1));
  // A sleep and an epoll_wait a round; the storage thread is woken and waits again once a batch (two futex
  // calls).
  const std::uint64_t system_calls =
      2 * sum.rounds + sum.receives + calls.writes + calls.syncs + 2 * calls.handovers;
  JsonLine()
      .add("packets", sum.packets)
      .add("bytes", sum.bytes)
      .add("failures", sum.failures)
      .add("strays", sum.strays)
      .add("overflows", overflows)
      .add("seconds", sum.packets > 0 ? to_seconds(sum.last - sum.first) : 0.0)
      .add("cpu_seconds", user + system)
      .add("cpu_user", user)
      .add("cpu_system", system)
      .add("us_per_packet", (user + system) * 1e6 / packets)
      .add("wakeups", sum.rounds)
      .add("receives", sum.receives)
      .add("writes", calls.writes)
      .add("written_bytes", calls.bytes)
      .add("syncs", calls.syncs)
      .add("system_calls", system_calls)
      .add("system_calls_per_packet", static_cast<double>(system_calls) / packets)
      .print();
}

int run(const Options& options) {
  io::StopSignals signals;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);  // refused: opening a file will say so
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);

  std::vector<Worker> workers(options.workers);
  std::optional<io::StorageThread> syncs(std::in_place);  // goes first: it works on the files
  std::optional<Duration> write_interval;
  if (options.write_interval_ms) write_interval = std::chrono::milliseconds(*options.write_interval_ms);
  const Cadence cadence{write_interval, std::chrono::milliseconds(options.journal_interval_ms),
                        std::chrono::milliseconds(options.sync_interval_ms)};
  for (unsigned i = 0; i < options.workers; ++i) {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t number = i; number < options.sessions; number += options.workers)
      numbers.push_back(number);
    auto sockets = open_sockets(options, i, numbers);
    if (!sockets) {
      fmt::print(stderr, "floor: {}\n", sockets.error().message);
      return 1;
    }
    workers[i].files =
        std::make_unique<FileSet>(options.folder, numbers, cadence, *syncs, io::read_monotonic_clock());
    workers[i].receiver =
        std::make_unique<Receiver>(Receiver::Options{.tick = std::chrono::milliseconds(options.tick_ms)},
                                   std::move(*sockets), numbers, *workers[i].files);
  }
  fmt::print(stderr, "floor: ready\n");

  const bool stopped = wait_for_packets(signals, workers);
  const Cpu before = read_cpu();
  if (!stopped) signals.wait_until(never);
  const Cpu after = read_cpu();
  for (const Worker& worker : workers) worker.receiver->stop();
  syncs.reset();
  for (const Worker& worker : workers) worker.files->finish();
  report(workers, before, after);
  return 0;
}

int main(int argc, char** argv) {
  CLI::App app(
      "The floor under a recorder: receives what `load bare` sends, decrypts it (AES-128-GCM) and appends "
      "it\n"
      "to files, with the recorder's sockets, tick, threads and cadence, and does nothing else. On SIGINT "
      "or\n"
      "SIGTERM a line of JSON says what that cost, from the first packet on.");
  Options options;
  app.add_option("--port", options.port, "on 127.0.0.1; the first one")->required();
  app.add_option("--sockets", options.sockets,
                 "shared: worker i at port + i, for sessions in turn; each: session i at port + i")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Sockets>{{"shared", Sockets::shared}, {"each", Sockets::each}}));
  app.add_option("--sessions", options.sessions, "how many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--folder", options.folder, "for the files; must not contain files of an earlier run")
      ->required();
  app.add_option("--workers", options.workers, "threads that receive, each with one that writes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--tick-ms", options.tick_ms, "that packets gather")->capture_default_str();
  app.add_option("--write-interval-ms", options.write_interval_ms,
                 "between two writes to a file; 0: each tick; not set: the recorder's");
  app.add_option("--journal-interval-ms", options.journal_interval_ms, "a line a session")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--sync-interval-ms", options.sync_interval_ms, "to stable storage")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return run(options);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  try {
    return holdfast::bench::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "floor: %s\n", error.what());
    return 1;
  }
}

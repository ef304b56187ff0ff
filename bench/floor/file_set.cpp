#include "floor/file_set.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace holdfast::bench {
namespace {

// Files, and many of them, are synced by one call for their file system: storage::Syncer::most_one_by_one.
constexpr std::size_t most_one_by_one = 8;
constexpr std::string_view journal_line =
    R"({"seq":1234,"time":"2026-01-01T00:00:00.000Z","pts":123456789,"event":"durable","file":1,)"
    R"("from":123456789,"to":123456789,"crc32c":"0123abcd","crc":"0123abcd"})"
    "\n";

[[noreturn]] void die(const std::string& what) {
  fmt::print(stderr, "floor: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

int create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) die("cannot create " + path);
  return descriptor;
}

}  // namespace

FileSet::FileSet(const std::string& folder, const std::vector<std::uint32_t>& numbers, const Cadence& cadence,
                 Executor& syncs, Instant now)
    : cadence_(cadence), syncs_(syncs) {
  for (const std::uint32_t number : numbers) {
    File file;
    file.part = create(fmt::format("{}/{}.bin", folder, number));
    file.journal = create(fmt::format("{}/{}.jsonl", folder, number));
    files_.push_back(std::move(file));
  }
  if (!files_.empty()) journal_due_ = now + cadence.journal_interval;
  if (!files_.empty()) sync_due_ = now + cadence.sync_interval;
}

void FileSet::finish() {
  Batch rest;
  take_due(never, {}, rest);
  hand_over(std::move(rest));
  storage_.reset();
}

FileSet::~FileSet() {
  storage_.reset();
  for (const File& file : files_) {
    close(file.part);
    close(file.journal);
  }
}

void FileSet::append(std::size_t index, Bytes bytes, Instant now) {
  File& file = files_[index];
  if (file.filling.empty()) {
    file.dirty_since = now;
    dirty_.push_back(index);
  }
  file.filling.insert(file.filling.end(), bytes.begin(), bytes.end());
}

void FileSet::handle_tick(Instant now) {
  Batch batch;
  {
    const std::lock_guard lock(mutex_);
    if (!spare_batches_.empty()) {
      batch = std::move(spare_batches_.back());
      spare_batches_.pop_back();
    }
  }
  take_due(now, cadence_.write_interval, batch);
  write_journals(now, batch);
  hand_over(std::move(batch));
  if (sync_due_ <= now) sync(now);
}

void FileSet::take_due(Instant now, Duration interval, Batch& batch) {
  std::erase_if(dirty_, [&](std::size_t index) {
    File& file = files_[index];
    if (now - file.dirty_since < interval) return false;
    batch.push_back({file.part, std::exchange(file.filling, take_buffer())});
    return true;
  });
}

// Spread over the interval, as the recordings' own seconds are.
void FileSet::write_journals(Instant now, Batch& batch) {
  const auto apart = cadence_.journal_interval / static_cast<int>(std::max<std::size_t>(files_.size(), 1));
  for (; journal_due_ <= now; journal_due_ += apart) {
    ByteVector line = take_buffer();
    line.assign(journal_line.begin(), journal_line.end());
    batch.push_back({files_[next_journal_].journal, std::move(line)});
    next_journal_ = (next_journal_ + 1) % files_.size();
  }
}

ByteVector FileSet::take_buffer() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  ByteVector buffer = std::move(spare_.back());
  spare_.pop_back();
  return buffer;
}

void FileSet::hand_over(Batch batch) {
  if (batch.empty()) {
    const std::lock_guard lock(mutex_);
    spare_batches_.push_back(std::move(batch));
    return;
  }
  ++handovers_;
  storage_->post([this, batch = std::move(batch)]() mutable { write(batch); });
}

void FileSet::write(Batch& batch) {
  for (const Write& each : batch) {
    for (Bytes rest = each.bytes; !rest.empty();) {
      const ssize_t written = ::write(each.descriptor, rest.data(), rest.size());
      if (written < 0) die("cannot write");
      ++calls_.writes;
      calls_.bytes += static_cast<std::uint64_t>(written);
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
  }
  const std::lock_guard lock(mutex_);
  for (Write& each : batch) {
    each.bytes.clear();
    spare_.push_back(std::move(each.bytes));
  }
  batch.clear();
  spare_batches_.push_back(std::move(batch));
}

void FileSet::sync(Instant now) {
  sync_due_ = now + cadence_.sync_interval;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(syncing_, true)) return;  // a disk that stalls is left alone
  }
  syncs_.post([this] {
    std::uint64_t calls = 0;
    if (files_.size() > most_one_by_one / 2) {  // two files a session
      if (syncfs(files_.front().part) != 0) die("cannot sync");
      ++calls;
    } else {
      for (const File& file : files_) {
        if (fdatasync(file.part) != 0 || fdatasync(file.journal) != 0) die("cannot sync");
        calls += 2;
      }
    }
    const std::lock_guard lock(mutex_);
    syncs_done_ += calls;
    syncing_ = false;
  });
}

Instant FileSet::deadline() const {
  return std::min(journal_due_, sync_due_);
}

FileCalls FileSet::calls() const {
  FileCalls calls = calls_;
  calls.syncs = syncs_done_;
  calls.handovers = handovers_;
  return calls;
}

}  // namespace holdfast::bench

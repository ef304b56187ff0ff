#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "io/storage_thread.hpp"

namespace holdfast::bench {

// How the recorder writes, as far as a file's bytes are concerned.
struct Cadence {
  Duration write_interval{};  // zero: at each tick at which a file got something
  Duration journal_interval = std::chrono::seconds(1);
  Duration sync_interval = std::chrono::seconds(1);
};

// System calls made, by hand.
struct FileCalls {
  std::uint64_t writes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t syncs = 0;
  std::uint64_t handovers = 0;  // batches given to the storage thread
};

// The files of one worker: a growing one and a journal for each session. They are written by a storage thread
// and brought to stable storage by another, as the recorder has it; nothing is allocated once the buffers
// have grown. Worker's thread only.
class FileSet {
 public:
  // Creates "NUMBER.bin" and "NUMBER.jsonl" in `folder` for each of the numbers. What fails ends the program.
  FileSet(const std::string& folder, const std::vector<std::uint32_t>& numbers, const Cadence& cadence,
          Executor& syncs, Instant now);
  // The files stay.
  ~FileSet();
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // `index` into the numbers.
  void append(std::size_t index, Bytes bytes, Instant now);
  void handle_tick(Instant now);
  // When there is something to do without a packet; once there was one.
  Instant deadline() const;
  // Writes what is left. Nothing may be appended afterwards; the thread that syncs must have ended.
  void finish();
  // After finish().
  FileCalls calls() const;

 private:
  struct File {
    int part = -1;
    int journal = -1;
    ByteVector filling;
    Instant dirty_since{};
  };
  struct Write {
    int descriptor = -1;
    ByteVector bytes;
  };
  using Batch = std::vector<Write>;

  void take_due(Instant now, Duration interval, Batch& batch);
  void write_journals(Instant now, Batch& batch);
  void hand_over(Batch batch);
  void sync(Instant now);
  ByteVector take_buffer();
  void write(Batch& batch);

  const Cadence cadence_;
  std::vector<File> files_;
  std::vector<std::size_t> dirty_;
  std::size_t next_journal_ = 0;
  Instant journal_due_ = never;
  Instant sync_due_ = never;
  Executor& syncs_;
  std::mutex mutex_;
  std::vector<ByteVector> spare_;     // guarded by mutex_
  std::vector<Batch> spare_batches_;  // guarded by mutex_
  bool syncing_ = false;              // guarded by mutex_
  FileCalls calls_;                   // storage thread's but for handovers
  std::uint64_t syncs_done_ = 0;      // guarded by mutex_
  std::uint64_t handovers_ = 0;
  std::optional<io::StorageThread> storage_{std::in_place};
};

}  // namespace holdfast::bench

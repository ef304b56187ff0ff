#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/disk.hpp"
#include "base/executor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::storage {

// Bytes of a file that will not change any more: [from, to), with their CRC-32C.
struct SyncRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint32_t crc32c = 0;
};

// A growing file, as the syncer sees it.
class Syncable {
 public:
  struct Snapshot {
    std::shared_ptr<File> file;  // null: there is nothing to sync
    SyncRange range;
  };

  virtual ~Syncable() = default;
  // A round begins; handle_synced() will be called. Worker thread.
  virtual void handle_round() = 0;
  // What was written since the last snapshot, unless a write is under way. Storage thread.
  virtual Snapshot take_snapshot() = 0;
  // The snapshot is on stable storage, or the disk did not say so: then nothing is known of it, and a later
  // success says nothing of it either. ErrorCode::not_found: it is, but its name is gone. Worker thread.
  virtual void handle_synced(const SyncRange& range, const Result<void>& result) = 0;
};

// Brings the growing files of a worker to stable storage, all of them once an interval, on a thread of its
// own: neither media nor the writes of others wait for a slow disk. A few files are synced one by one
// (fdatasync), many by one call for their file system (syncfs): at 300 recordings a third of the time
// (docs/durability.md). Where that call fails each file is asked on its own, for one recording's bad sector
// is not the others'.
//
// Worker thread only.
class Syncer {
 public:
  static constexpr std::size_t most_one_by_one = 8;
  struct Threads {
    Executor& storage;  // writes the files
    Executor& syncs;
    Executor& worker;
  };
  // The threads outlive the syncer and its rounds; `now` is read on the worker. `interval` zero: files are
  // synced at their close only.
  Syncer(const Threads& threads, Duration interval, std::function<Instant()> now);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  // The file has unsynced bytes: it is part of the next round, and of that only.
  void add(std::shared_ptr<Syncable> file);
  // Begins a round when it is time. No two rounds run at once: a disk that stalls is left alone.
  void handle_tick(Instant now);
  Instant deadline() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared with the round under way
};

}  // namespace holdfast::storage

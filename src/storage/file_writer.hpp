#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/disk.hpp"
#include "base/executor.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "storage/buffer_pool.hpp"
#include "storage/latency_histogram.hpp"
#include "storage/syncer.hpp"
#include "storage/write_cadence.hpp"

namespace holdfast::storage {

// Bytes on their way to the disk, of all recordings together. Any thread.
class WriteBudget {
 public:
  explicit WriteBudget(std::size_t limit = std::size_t{512} << 20) : limit_(limit) {}
  void take(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(std::size_t bytes) { CHECK(used_.fetch_sub(bytes, std::memory_order_relaxed) >= bytes); }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  bool has_room(std::size_t bytes) const { return used() + bytes <= limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

// What storage needs of the world. The references outlive every FileWriter and its jobs.
struct StorageContext {
  Disk& disk;
  Executor& storage;  // runs the disk's work
  Executor& worker;   // runs completions, on the FileWriter's thread
  WriteBudget& budget;
  std::function<Instant()> now;     // read on the storage thread, to time the disk
  Syncer* syncer = nullptr;         // null: files are synced at their close only
  WriteCadence* cadence = nullptr;  // null: what is committed is written at once
  BufferPool* buffers = nullptr;    // null: each file keeps its own
};

enum class Lock : std::uint8_t { none, exclusive };

// One growing file, written from a worker that never waits for the disk. Bytes are gathered in buffer();
// commit() sends them off when no write is under way and the last one was long enough ago (WriteCadence), and
// otherwise they go together with the next: at most one job is in flight. Buffers come from a BufferPool.
//
// A failing disk is a planned state: what could not be written is kept and tried again every second, in
// order, no byte twice; meanwhile accepts() turns false at 4 MB, and the caller leaves out whole frames. Only
// a taken name is final. A failed sync is another matter: what it was to make durable may be gone though the
// next one succeeds, so it is not tried again, but told (Synced).
//
// Worker thread only. Destroying it abandons what is not written (close() first to keep it); jobs in flight
// end safely.
class FileWriter {
 public:
  static constexpr std::size_t max_pending = std::size_t{4} << 20;
  static constexpr Duration retry_interval = std::chrono::seconds(1);
  using Closed = std::move_only_function<void(Result<void>)>;
  // A range is durable, or not known to be: as Syncable::handle_synced. Ranges come in order, without holes.
  using Synced = std::function<void(const SyncRange& range, const Result<void>& result)>;

  struct Counters {
    LatencyHistogram commit_to_written;  // from commit() until in the file
    LatencyHistogram write_call;         // the disk's own part
    LatencyHistogram
        written_to_durable;  // the oldest byte of a sync, from in the file until on stable storage
    std::uint64_t writes = 0;
    std::uint64_t failed_writes = 0;
    std::uint64_t failed_syncs = 0;

    Counters& operator+=(const Counters& other);
  };

  // Creates the file on the storage thread, and its folder if missing. `path` must not exist.
  FileWriter(const StorageContext& context, std::string path, Lock lock = Lock::none, Synced synced = {});
  // Goes on with a file that is open, and locked where that matters.
  FileWriter(const StorageContext& context, std::string path, std::shared_ptr<File> file, Synced synced);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // Whether `bytes` more may be put into buffer(). False: the disk does not keep up, leave out frames.
  bool accepts(std::size_t bytes) const;
  // Whole frames (or lines) are appended here; valid until commit().
  ByteVector& buffer();
  // What is in the buffer is to be written: now, or with what follows within the cadence's interval.
  void commit(Instant now);
  // The file was deleted or moved (Synced says so): with the next write it gets its path again, and all that
  // was in it.
  void put_back();
  // Writes what is left, syncs, closes; then calls back (first Synced), on the worker. Nothing may be written
  // afterwards. While the disk fails this waits for it: destroy the writer to give up.
  void close(Instant now, Closed closed);

  // Writes what is due, tries again after an error.
  void handle_tick(Instant now);
  Instant deadline() const;

  const std::string& path() const;
  // Bytes known to be in the file, and those still on their way.
  std::uint64_t written() const;
  std::size_t pending() const;
  // Why the disk does not take it at present, with path and advice; nothing when all is well.
  const std::optional<Error>& error() const;
  const Counters& counters() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;  // shared with the job in flight
};

}  // namespace holdfast::storage

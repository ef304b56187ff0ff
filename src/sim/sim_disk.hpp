#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/executor.hpp"
#include "base/time.hpp"

namespace holdfast::sim {

// A file system in memory that knows what a power cut would take: every file keeps apart what was synced.
// Names are synced at once, as Disk promises. Safe from several threads.
class SimDisk final : public Disk {
 public:
  struct Calls {
    std::uint64_t creates = 0;
    std::uint64_t appends = 0;
    std::uint64_t syncs = 0;
    std::uint64_t failures = 0;
  };

  SimDisk();
  ~SimDisk() override;

  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<ByteVector> read(const std::string& path, std::uint64_t offset, std::uint64_t size) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<DirectoryEntry> look(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> truncate(const std::string& path, std::uint64_t size) override;
  Result<void> make_directories(const std::string& path) override;
  Result<void> make_private(const std::string&) override { return {}; }
  Result<std::uint64_t> free_space(const std::string& path) override;

  // What the test does to it.
  void set_free_space(
      std::uint64_t bytes);     // an append that does not fit writes what does, then fails (ENOSPC)
  void fail_writes(bool fail);  // EIO: create, append and sync fail, nothing is written
  // The next so many syncs of files whose path holds `part` fail, and with them any sync of the file system:
  // what they were to make durable is lost by a power cut, be later syncs successful or not (as Linux does
  // it).
  void fail_syncs(std::string part, int count);
  // Everything not synced is lost, but for the first `kept` bytes of it in each file (a torn write); open
  // files and locks die.
  void cut_power(std::uint64_t kept = 0);
  // The process dies: locks are freed, the data stays.
  void kill_process();

  // From now on keeps all that was done to it, for PowerCuts.
  struct Operation {
    enum class Kind : std::uint8_t { create, append, sync, sync_all, rename, remove, truncate } kind;
    std::size_t file;        // numbered as they were created
    std::string path;        // create, rename
    ByteVector bytes;        // append
    std::uint64_t size = 0;  // truncate
  };
  void record(bool on) { recording_ = on; }
  const std::vector<Operation>& operations() const { return operations_; }
  // As found after a power cut: all of it is on stable storage.
  void put(const std::string& path, ByteVector data);

  // Whole content of a file, empty if there is none.
  ByteVector content(const std::string& path) const;
  bool exists(const std::string& path) const;
  Calls calls() const;

 private:
  struct Node;
  class SimFile;

  void note(Operation::Kind kind, std::size_t file, std::string path = {}, Bytes bytes = {},
            std::uint64_t size = 0);
  // Each change has an instant of its own: a clock that ticks with the changes.
  WallTime tick() { return changed_ += std::chrono::nanoseconds(1); }
  void touch_parent(const std::string& path);

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Node>> files_;
  std::map<std::string, WallTime> directories_;  // when a name in them changed
  WallTime changed_{};
  std::uint64_t free_ = std::uint64_t{1} << 40;
  bool failing_ = false;
  std::string sync_fails_for_;
  int syncs_to_fail_ = 0;
  bool recording_ = false;
  std::vector<Operation> operations_;
  std::size_t files_made_ = 0;
  Calls calls_;
};

// A storage thread on simulated time: each job takes `latency`, one after the other, and nothing runs during
// a stall.
class SimStorageThread final : public Executor {
 public:
  explicit SimStorageThread(Duration latency = {}) : latency_(latency) {}

  void post(Job job) override;
  // Jobs begin no earlier than `until`.
  void stall(Instant until) { free_at_ = std::max(free_at_, until); }
  // Runs what is done by `now`, in order, then it is `now`.
  void run(Instant now);
  std::size_t queued() const { return jobs_.size(); }
  // While a job runs: when it is done. To be given to storage::StorageContext::now.
  Instant now() const { return now_; }

 private:
  struct Posted {
    Instant at;
    Job job;
  };
  const Duration latency_;
  Instant now_{};
  Instant free_at_{};
  std::deque<Posted> jobs_;
};

}  // namespace holdfast::sim

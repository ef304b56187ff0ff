#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/executor.hpp"
#include "io/busy_time.hpp"

namespace holdfast::io {

// Threads for disk writes of files that have nothing to do with each other. One of them does all the work, as
// long as the disk keeps up: that costs the fewest wake-ups. Where one job takes longer than `patience`, as
// when its file lies on a disk that stands still, another thread takes over what is queued behind it, so that
// one file's trouble is no other's. A thread that does nothing else sees to that: nobody may post meanwhile,
// as every file may have its one job in the queue. Jobs begin in the order in which they were posted, and all
// of them run: the destructor waits until the disk has taken everything.
class StoragePool final : public Executor {
 public:
  // So many jobs may stand still before the others wait as well.
  static constexpr std::size_t most_threads = 4;

  explicit StoragePool(Duration patience = std::chrono::milliseconds(50));
  ~StoragePool() override;

  // From any thread, also from a job; not once the destructor has begun, except from jobs.
  void post(Job job) override;

  // Of the thread that does the work: a stint is for how long there has been something to do, and is that of
  // a job that stands still only when nobody could take over.
  const BusyTime& busy() const { return busy_; }

 private:
  void run();
  void watch();
  bool stands_still(Instant now) const;
  void lead(std::unique_lock<std::mutex>& guard);
  void depose(Instant now);

  const Duration patience_;
  BusyTime busy_;
  std::mutex mutex_;                // guards the rest
  std::condition_variable wakeup_;  // of those who work
  std::condition_variable alarm_;   // of who watches
  std::deque<Job> jobs_;
  std::uint64_t posted_ = 0;          // jobs, ever
  bool led_ = false;                  // a thread does the work
  std::optional<Instant> job_since_;  // when its present job began
  std::uint64_t deposed_ = 0;         // how many were: a thread sees by it that it was
  std::size_t waiting_ = 0;           // threads without work
  bool unwatched_ = false;            // who watches sleeps until the next post
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
  std::jthread watcher_;
};

}  // namespace holdfast::io

#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "base/executor.hpp"
#include "io/busy_time.hpp"

namespace holdfast::io {

// A thread for work that may block: disk writes and syncs. Jobs run in order, all of them, also those still
// queued when it is destroyed: the destructor waits until the disk has taken everything that was posted.
class StorageThread final : public Executor {
 public:
  StorageThread();
  ~StorageThread() override;

  // From any thread, also from a job; not once the destructor has begun, except from jobs.
  void post(Job job) override;

  // Its stints are what was queued when the one before had ended: a job has waited for as long as the present
  // one lasts, or may have to.
  const BusyTime& busy() const { return busy_; }

 private:
  void run();

  BusyTime busy_;
  std::mutex mutex_;
  std::condition_variable wakeup_;
  std::vector<Job> jobs_;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace holdfast::io

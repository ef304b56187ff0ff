#include "io/storage_thread.hpp"

#include <chrono>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::io {

namespace {

constexpr auto gathering = std::chrono::milliseconds(1);

}  // namespace

StorageThread::StorageThread() : thread_([this] { run(); }) {}

StorageThread::~StorageThread() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_one();
}

void StorageThread::post(Job job) {
  // Woken under the lock: once it is let go, the job may have run, and its owner may have ended this thread.
  const std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  wakeup_.notify_one();
}

void StorageThread::run() {
  std::vector<Job> batch;  // takes turns with jobs_, so that neither is allocated anew
  std::unique_lock guard(mutex_);
  while (true) {
    wakeup_.wait(guard, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    // What a worker posts in one of its rounds is taken at one go: a wake-up for each job costs more than
    // most jobs do.
    guard.unlock();
    std::this_thread::sleep_for(gathering);
    guard.lock();
    std::swap(batch, jobs_);
    guard.unlock();
    busy_.begin(read_monotonic_clock());
    for (Job& job : batch) job();
    batch.clear();
    busy_.end(read_monotonic_clock());
    guard.lock();
  }
}

}  // namespace holdfast::io

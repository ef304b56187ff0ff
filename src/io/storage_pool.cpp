#include "io/storage_pool.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::io {

namespace {

constexpr auto gathering = std::chrono::milliseconds(1);

}  // namespace

StoragePool::StoragePool(Duration patience) : patience_(patience) {
  threads_.reserve(most_threads);
  threads_.emplace_back([this] { run(); });
  watcher_ = std::jthread([this] { watch(); });
}

StoragePool::~StoragePool() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;  // from here on there are no new threads
  }
  wakeup_.notify_all();
  alarm_.notify_one();
  watcher_.join();
  threads_.clear();
}

void StoragePool::post(Job job) {
  // Woken under the lock: once it is let go, the job may have run, and its owner may have ended this pool.
  const std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  ++posted_;
  if (std::exchange(unwatched_, false)) alarm_.notify_one();
  if (!led_) wakeup_.notify_one();
}

bool StoragePool::stands_still(Instant now) const {
  return led_ && !jobs_.empty() && job_since_ && now - *job_since_ >= patience_;
}

// Looks twice within the patience, as long as there is something to do now and then.
void StoragePool::watch() {
  const Duration interval = std::max<Duration>(patience_ / 2, std::chrono::milliseconds(1));
  std::unique_lock guard(mutex_);
  std::uint64_t seen = 0;
  while (!stopping_) {
    unwatched_ = !led_ && jobs_.empty() && posted_ == seen;
    seen = posted_;
    if (unwatched_) alarm_.wait(guard, [this] { return stopping_ || !unwatched_; });
    alarm_.wait_for(guard, interval, [this] { return stopping_; });
    if (const Instant now = read_monotonic_clock(); stands_still(now)) depose(now);
  }
}

// Its job stands still: another thread shall go on with the rest.
void StoragePool::depose(Instant now) {
  if (waiting_ == 0) {
    if (threads_.size() == most_threads || stopping_) return;
    threads_.emplace_back([this] { run(); });
  }
  busy_.end(now);
  led_ = false;
  ++deposed_;
  wakeup_.notify_one();
}

void StoragePool::run() {
  std::unique_lock guard(mutex_);
  while (true) {
    ++waiting_;
    wakeup_.wait(guard, [this] { return !led_ && (stopping_ || !jobs_.empty()); });
    --waiting_;
    if (jobs_.empty()) return;
    lead(guard);
    if (stopping_) wakeup_.notify_all();
  }
}

void StoragePool::lead(std::unique_lock<std::mutex>& guard) {
  led_ = true;
  job_since_.reset();
  // What a worker posts in one of its rounds is taken at one go: a wake-up for each job costs more than most
  // jobs do.
  guard.unlock();
  std::this_thread::sleep_for(gathering);
  guard.lock();
  busy_.begin(read_monotonic_clock());
  const std::uint64_t deposed = deposed_;
  while (deposed == deposed_ && !jobs_.empty()) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    job_since_ = read_monotonic_clock();
    guard.unlock();
    job();
    job = nullptr;  // what it held on to may take a while as well
    guard.lock();
  }
  if (deposed != deposed_) return;
  busy_.end(read_monotonic_clock());
  led_ = false;
}

}  // namespace holdfast::io

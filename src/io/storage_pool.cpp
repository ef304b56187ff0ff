#include "io/storage_pool.hpp"

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
}

StoragePool::~StoragePool() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;  // from here on there are no new threads
  }
  wakeup_.notify_all();
  threads_.clear();
}

void StoragePool::post(Job job) {
  // Woken under the lock: once it is let go, the job may have run, and its owner may have ended this pool.
  const std::lock_guard guard(mutex_);
  jobs_.push_back(std::move(job));
  if (led_) {
    const Instant now = read_monotonic_clock();
    if (!job_since_ || now - *job_since_ < patience_) return;
    depose(now);
  }
  wakeup_.notify_one();
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

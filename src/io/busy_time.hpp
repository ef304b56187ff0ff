#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.hpp"

namespace holdfast::io {

// For how long a thread has had work in hand, waiting for a processor or a disk meanwhile included. begin()
// and end() by that thread; the rest by any. What is read while a stint ends may miss that stint: nothing for
// milliseconds.
class BusyTime {
 public:
  void begin(Instant now) { since_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }
  void end(Instant now) {
    const std::int64_t since = since_.exchange(idle, std::memory_order_relaxed);
    total_.fetch_add(now.time_since_epoch().count() - since, std::memory_order_relaxed);
  }

  // Of the work at hand; zero: there is none.
  Duration stint(Instant now) const {
    const std::int64_t since = since_.load(std::memory_order_relaxed);
    const Duration length = now.time_since_epoch() - Duration(since);
    return since == idle || length < Duration::zero() ? Duration::zero() : length;
  }
  // Since the thread began.
  Duration total(Instant now) const { return Duration(total_.load(std::memory_order_relaxed)) + stint(now); }

 private:
  static constexpr std::int64_t idle = 0;
  std::atomic<std::int64_t> since_{idle};  // ns of the monotonic clock
  std::atomic<std::int64_t> total_{0};     // ns, of what has ended
};

}  // namespace holdfast::io

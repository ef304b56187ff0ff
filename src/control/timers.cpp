#include "control/timers.hpp"

#include "base/check.hpp"

namespace holdfast::control {

void Timers::handle_timeout(Instant now) {
  const std::uint64_t before = started_;
  for (auto next = due_.begin(); next != due_.end() && next->first.first <= now;) {
    if (next->first.second > before) {
      ++next;
      continue;
    }
    Timer& timer = *next->second;
    Executor::Job job = std::exchange(timer.job_, {});
    due_.erase(next);
    job();  // it may destroy the timer, and change which are due
    next = due_.begin();
  }
}

void Timer::start(Instant at, Executor::Job job) {
  CHECK(job != nullptr);
  cancel();
  key_ = {at, ++timers_.started_};
  job_ = std::move(job);
  timers_.due_.emplace(key_, this);
}

void Timer::cancel() {
  if (job_) timers_.due_.erase(key_);
  job_ = {};
}

}  // namespace holdfast::control

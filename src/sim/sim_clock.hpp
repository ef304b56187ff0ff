#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "base/time.hpp"

namespace holdfast::sim {

// Simulated time, and the queue of what happens in it. Time passes only in run_*(), and jumps from one event
// to the next, so a day takes no longer than its events. Events of the same instant run in the order in which
// they were scheduled, then the machines that are due. One thread. What a job refers to must live as long as
// the clock runs.
class SimClock {
 public:
  using Job = std::move_only_function<void()>;

  // Starts an hour after the zero of the monotonic clock, on 2026-01-01T00:00:00Z.
  SimClock();

  Instant now() const { return now_; }
  WallTime wall() const { return wall_start_ + (now_ - start_); }
  Now both() const { return {now_, wall()}; }
  // Makes the wall clock step; the monotonic one goes on as before.
  void step_wall(Duration by) { wall_start_ += by; }

  // Runs the job at that instant, or next if that has passed.
  void schedule(Instant at, Job job);
  void schedule_in(Duration delay, Job job) { schedule(now_ + delay, std::move(job)); }

  // Drives a protocol machine from now on: whenever its deadline() has come, timeout(now) is called. Both
  // must stay callable as long as the clock runs. Aborts if a machine asks for an instant that has passed
  // again and again: a busy loop.
  void drive(std::function<Instant()> deadline, std::function<void(Instant)> timeout);

  // Runs all that is due up to and including `end`; then it is `end`.
  void run_until(Instant end);
  void run_for(Duration span) { run_until(now_ + span); }
  // Runs until `done()` holds after some event, at most for `span`. Gives done().
  bool run_until(const std::function<bool()>& done, Duration span);

 private:
  struct Machine {
    std::function<Instant()> deadline;
    std::function<void(Instant)> timeout;
  };

  // Runs the next event if it is due by `end`.
  bool step(Instant end);

  Instant start_;
  Instant now_;
  WallTime wall_start_;
  std::multimap<Instant, Job> queue_;  // equal keys keep their order of insertion
  std::deque<Machine> machines_;       // a machine may add another while it runs
  int events_without_progress_ = 0;
};

}  // namespace holdfast::sim

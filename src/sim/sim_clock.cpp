#include "sim/sim_clock.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace holdfast::sim {
namespace {

constexpr int busy_loop_events = 1'000'000;
constexpr WallTime start_of_2026{std::chrono::seconds(1'767'225'600)};

}  // namespace

SimClock::SimClock() : start_(std::chrono::hours(1)), now_(start_), wall_start_(start_of_2026) {}

void SimClock::schedule(Instant at, Job job) {
  queue_.emplace(std::max(at, now_), std::move(job));
}

void SimClock::drive(std::function<Instant()> deadline, std::function<void(Instant)> timeout) {
  machines_.push_back({std::move(deadline), std::move(timeout)});
}

void SimClock::run_until(Instant end) {
  while (step(end)) {
  }
  now_ = std::max(now_, end);
}

bool SimClock::run_until(const std::function<bool()>& done, Duration span) {
  const Instant end = now_ + span;
  while (!done() && step(end)) {
  }
  if (done()) return true;
  now_ = std::max(now_, end);
  return false;
}

bool SimClock::step(Instant end) {
  const Instant next_job = queue_.empty() ? never : queue_.begin()->first;
  Instant next_timeout = never;
  Machine* machine = nullptr;
  for (Machine& candidate : machines_) {
    const Instant deadline = candidate.deadline();
    if (deadline >= next_timeout) continue;
    next_timeout = deadline;
    machine = &candidate;
  }
  const Instant next = std::max(now_, std::min(next_job, next_timeout));
  if (next == never || next > end) return false;

  events_without_progress_ = next > now_ ? 0 : events_without_progress_ + 1;
  if (events_without_progress_ > busy_loop_events) {
    std::fputs("SimClock: a busy loop: a million events and no time has passed\n", stderr);
    std::abort();
  }
  now_ = next;
  if (next_job <= next_timeout || next_job <= now_) {
    auto job = queue_.extract(queue_.begin());
    job.mapped()();
  } else {
    machine->timeout(now_);
  }
  return true;
}

}  // namespace holdfast::sim

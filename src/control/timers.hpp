#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/executor.hpp"
#include "base/time.hpp"

namespace holdfast::control {

class Timer;

// What is due when, of all the control plane: whoever drives it needs to know one instant only. One thread.
class Timers {
 public:
  // When handle_timeout() is to be called; never: nothing is due.
  Instant deadline() const { return due_.empty() ? never : due_.begin()->first.first; }
  // Runs what is due, which may start and cancel timers. One that is started from within runs the next time.
  void handle_timeout(Instant now);

 private:
  friend class Timer;
  using Key = std::pair<Instant, std::uint64_t>;  // the number keeps the order of those of one instant
  std::map<Key, Timer*> due_;
  std::uint64_t started_ = 0;
};

// Calls back once, later. Destroying or restarting it forgets the call.
class Timer {
 public:
  // `timers` outlives it.
  explicit Timer(Timers& timers) : timers_(timers) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Instant at, Executor::Job job);
  void cancel();

 private:
  friend class Timers;
  Timers& timers_;
  Timers::Key key_{never, 0};
  Executor::Job job_;
};

}  // namespace holdfast::control

#pragma once

#include <functional>
#include <memory>

#include "base/executor.hpp"
#include "base/time.hpp"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): its own name
}

namespace holdfast::io {

// The control thread's loop: HTTP, signalling, retries. It runs on the thread that calls run(); post() may
// come from any.
class ControlLoop final : public Executor {
 public:
  ControlLoop();
  ~ControlLoop() override;
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  void post(Job job) override;
  // Runs until stop(), also while there is nothing to do.
  void run();
  void stop();
  // From now on `timeout` is called on the control thread whenever `deadline` has come. That is asked after
  // each job, and must be cheap. One for each loop; before run().
  void drive(std::function<Instant()> deadline, std::function<void(Instant now)> timeout);
  // For what is built on Asio.
  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls back once, later, on the control thread. Destroying or restarting it forgets the call.
class Timer {
 public:
  explicit Timer(ControlLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(Duration delay, Executor::Job job);
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::io

#pragma once

#include <deque>
#include <vector>

#include "app/media_threads.hpp"
#include "control/remote_session.hpp"
#include "io/control_loop.hpp"
#include "recording/admission.hpp"

namespace holdfast::app {

// What the media threads were loaded with over the last few seconds. Control thread only.
class LoadMeter {
 public:
  // Both outlive the meter, which measures from now on.
  LoadMeter(io::ControlLoop& control, const MediaThreads& media);

  // Without burdens: whose recordings they are, others know.
  recording::MachineLoad read() const;

 private:
  struct Busy {
    Duration worker;
    Duration transcoder;
    Duration storage;
  };
  struct Sample {
    Instant at;
    Duration processors;  // all threads of the process
    std::vector<Busy> workers;
  };
  Sample take() const;
  void keep();

  const MediaThreads& media_;
  std::deque<Sample> samples_;  // the oldest is as old as the window, once there are enough
  io::Timer timer_;
};

}  // namespace holdfast::app

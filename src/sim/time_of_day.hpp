#pragma once

#include "sim/sim_clock.hpp"

namespace holdfast::sim {

// While one lives, gettimeofday() of the whole process gives the simulated wall clock. OpenSSL times its DTLS
// retransmissions by that function, and by nothing that a program could hand it. Not nested; one thread.
class TimeOfDay {
 public:
  explicit TimeOfDay(const SimClock& clock);
  ~TimeOfDay();
  TimeOfDay(const TimeOfDay&) = delete;
  TimeOfDay& operator=(const TimeOfDay&) = delete;
};

}  // namespace holdfast::sim

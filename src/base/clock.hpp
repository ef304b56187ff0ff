#pragma once

#include "base/time.hpp"

namespace holdfast {

// Both clocks, for who does not get the time with each call: the control plane, whose calls come from many
// sides.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now read() const = 0;
};

}  // namespace holdfast

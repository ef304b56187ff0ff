#pragma once

#include "base/clock.hpp"

namespace holdfast::io {

// The only places where the program reads the time.
Instant read_monotonic_clock();
WallTime read_wall_clock();
Now read_clocks();

class SystemClock final : public Clock {
 public:
  Now read() const override { return read_clocks(); }
};

}  // namespace holdfast::io

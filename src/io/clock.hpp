#pragma once

#include "base/time.hpp"

namespace holdfast::io {

// The only places where the program reads the time.
Instant read_monotonic_clock();
WallTime read_wall_clock();
Now read_clocks();

}  // namespace holdfast::io

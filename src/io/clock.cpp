#include "io/clock.hpp"

namespace holdfast::io {

Instant read_monotonic_clock() {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}
WallTime read_wall_clock() {
  return WallTime(std::chrono::system_clock::now().time_since_epoch());
}
Now read_clocks() {
  return {read_monotonic_clock(), read_wall_clock()};
}

}  // namespace holdfast::io

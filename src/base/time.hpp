#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

using Duration = std::chrono::nanoseconds;

// The monotonic clock, which never steps. Has no now(): the core is told the time, only io/ and sim/ read it.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using Instant = MonotonicClock::time_point;

// UTC since the Unix epoch, for names, journals and people. May step; never used to measure a duration.
struct UtcClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<UtcClock>;
  static constexpr bool is_steady = false;
};
using WallTime = UtcClock::time_point;

// One reading of both clocks.
struct Now {
  Instant instant;
  WallTime wall;
};

// "No deadline": later than every other instant.
inline constexpr Instant never = Instant::max();

constexpr double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
constexpr std::int64_t to_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}
constexpr std::int64_t to_microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

// "20261122T164501.250Z": sorts as text, safe in a file name.
std::string format_compact(WallTime time);
// "2026-11-22T16:45:01.250Z" (RFC 3339), for JSON.
std::string format_rfc3339(WallTime time);
// The same again, in exactly these forms; nothing for any other text, or a year before 1970 or after 2200.
std::optional<WallTime> parse_compact(std::string_view text);
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace holdfast

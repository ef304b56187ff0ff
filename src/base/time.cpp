#include "base/time.hpp"

#include <fmt/format.h>

#include <ctime>

namespace holdfast {
namespace {

struct Parts {
  std::tm date;
  int milliseconds;
};

Parts split(WallTime time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::time_t unix_seconds = seconds.count();
  Parts parts{};
  gmtime_r(&unix_seconds, &parts.date);
  parts.milliseconds = static_cast<int>((since_epoch - seconds).count());
  return parts;
}

}  // namespace

std::string format_compact(WallTime time) {
  const auto [date, ms] = split(time);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}.{:03}Z", date.tm_year + 1900, date.tm_mon + 1,
                     date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec, ms);
}

std::string format_rfc3339(WallTime time) {
  const auto [date, ms] = split(time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", date.tm_year + 1900, date.tm_mon + 1,
                     date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec, ms);
}

}  // namespace holdfast

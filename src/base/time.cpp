#include "base/time.hpp"

#include <fmt/format.h>

#include <cstdio>
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

// `format` has a %n at its end: the text must be over there.
std::optional<WallTime> parse(std::string_view text, const char* format) {
  const std::string copy(text);
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0;
  int end = 0;
  if (std::sscanf(copy.c_str(), format, &year, &month, &day, &hour, &minute, &second, &ms, &end) != 7 ||
      end != static_cast<int>(copy.size())) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  // What a WallTime can hold is 1678 to 2262.
  if (!date.ok() || year < 1970 || year > 2200 || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                  std::chrono::minutes(minute) + std::chrono::seconds(second) +
                  std::chrono::milliseconds(ms));
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

std::optional<WallTime> parse_compact(std::string_view text) {
  return parse(text, "%4d%2u%2uT%2u%2u%2u.%3uZ%n");
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  return parse(text, "%4d-%2u-%2uT%2u:%2u:%2u.%3uZ%n");
}

}  // namespace holdfast

#include "livekit/retry_after.hpp"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace holdfast::livekit {
namespace {

// IMF-fixdate (RFC 9110 section 5.6.7). In seconds: the year may be 9999, which nanoseconds cannot reach.
std::optional<std::chrono::seconds> parse_http_date(std::string_view text) {
  std::tm fields{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::seconds(::timegm(&fields));
}

}  // namespace

Duration retry_after(const HttpResponse& response, WallTime now) {
  const std::string_view text = response.header("retry-after");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::chrono::seconds wait{0};
  if (error == std::errc::result_out_of_range) {
    wait = std::chrono::seconds::max();
  } else if (error == std::errc() && end == text.data() + text.size()) {
    wait = std::chrono::seconds(std::min<std::uint64_t>(value, std::numeric_limits<std::int32_t>::max()));
  } else if (const auto date = parse_http_date(text)) {
    wait = *date - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  }
  return std::clamp<std::chrono::seconds>(wait, std::chrono::seconds(0), longest_retry_after);
}

}  // namespace holdfast::livekit

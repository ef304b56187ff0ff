#pragma once

#include "base/http.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::livekit {

// Ask again after `wait`.
struct AskLater {
  Duration wait{};
  Error why;
};

inline constexpr std::chrono::seconds longest_retry_after = std::chrono::minutes(10);

// What the Retry-After field of a response asks for (RFC 9110 section 10.2.3): seconds or a date. Zero if
// absent or senseless, and at most longest_retry_after.
Duration retry_after(const HttpResponse& response, WallTime now);

}  // namespace holdfast::livekit

#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "archive/page.hpp"
#include "control/json_object.hpp"

namespace holdfast::api {

inline constexpr std::size_t max_page = 10'000;
inline constexpr std::size_t max_marker_bytes = 1'000;

// The query of GET /api/recordings, without its '?': limit, before, mint_id, each once at most.
std::expected<archive::Query, control::FieldError> parse_recordings_query(std::string_view query);

struct MarkerRequest {
  std::string mint_id;
  std::string text;  // UTF-8 without control characters, 1 to max_marker_bytes
};
// The body of POST /api/recording/marker. `mint_id` is the one from the path, or empty: then the body has it.
std::expected<MarkerRequest, control::FieldError> parse_marker_request(std::string_view mint_id,
                                                                       std::string_view body);

// One segment of a URL (RFC 3986 section 2.1); nothing: a malformed escape.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace holdfast::api

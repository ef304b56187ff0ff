#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace holdfast::livekit {

// JSON Web Tokens (RFC 7519) as LiveKit uses them: compact, signed with HS256 and nothing else.
std::string sign_jwt(const boost::json::object& claims, std::string_view secret);

// The claims, whoever made them. nullopt: not a JWT.
std::optional<boost::json::object> read_jwt(std::string_view token);
// The claims, if this secret signed them. The header's `alg` must say HS256: what a token says of itself
// never chooses the algorithm (RFC 8725 section 3.1).
std::optional<boost::json::object> verify_jwt(std::string_view token, std::string_view secret);

// A text claim; empty if absent or no text.
std::string text_at(const boost::json::object& claims, std::string_view key);
// A NumericDate (exp, nbf), which may have a fraction (RFC 7519 section 2). One that no clock reaches counts
// as none.
std::optional<WallTime> numeric_date(const boost::json::object& claims, std::string_view key);

}  // namespace holdfast::livekit

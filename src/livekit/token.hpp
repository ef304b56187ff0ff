#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "base/time.hpp"

namespace holdfast::livekit {

// What a recorder's own token says. Hidden from the others, may subscribe, may not publish.
struct TokenGrant {
  std::string api_key;
  std::string api_secret;
  std::string room;
  std::string identity;  // unique: a second session of the same identity throws the first one out
  // "egress": a recorder, which neither counts as a participant nor keeps the room open, and which
  // participants see as "recording" in the room's state. Empty: an ordinary hidden viewer.
  std::string kind = "egress";
  Duration lifetime = std::chrono::hours(1);  // to join by; the server refreshes it while we are there
};

// A signed JWT (RFC 7519, HS256), valid from `now`.
std::string make_token(const TokenGrant& grant, WallTime now);

// What a call of the server's API is allowed to do.
struct ApiGrant {
  std::string api_key;
  std::string api_secret;
  std::string room;  // to ask about this room; empty: to list rooms
};
inline constexpr Duration api_token_lifetime = std::chrono::minutes(1);
std::string make_api_token(const ApiGrant& grant, WallTime now);

// "holdfast-" and 16 hexadecimal digits.
std::string make_identity(Random& random);

struct TokenClaims {
  std::string room;      // video.room
  std::string identity;  // sub
  std::optional<WallTime> expires;
};

// What a token given to us says of itself; its signature is the server's business. nullopt: not a JWT.
std::optional<TokenClaims> read_claims(std::string_view token);

}  // namespace holdfast::livekit

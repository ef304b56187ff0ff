#include "livekit/token.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>

#include "livekit/jwt.hpp"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string make_token(const TokenGrant& grant, WallTime now) {
  json::object claims{
      {"iss", grant.api_key},
      {"sub", grant.identity},
      {"nbf", unix_seconds(now)},
      {"exp", unix_seconds(now + grant.lifetime)},
      {"video",
       {{"roomJoin", true},
        {"room", grant.room},
        {"canSubscribe", true},
        {"canPublish", false},
        {"canPublishData", false},
        {"hidden", true}}},
  };
  if (!grant.kind.empty()) claims["kind"] = grant.kind;
  return sign_jwt(claims, grant.api_secret);
}

std::string make_api_token(const ApiGrant& grant, WallTime now) {
  json::object video;
  if (grant.room.empty()) {
    video["roomList"] = true;
  } else {
    video["roomAdmin"] = true;
    video["room"] = grant.room;
  }
  const json::object claims{{"iss", grant.api_key},
                            {"nbf", unix_seconds(now)},
                            {"exp", unix_seconds(now + api_token_lifetime)},
                            {"video", std::move(video)}};
  return sign_jwt(claims, grant.api_secret);
}

std::string make_identity(Random& random) {
  return fmt::format("holdfast-{:016x}", random.next_u64());
}

std::optional<TokenClaims> read_claims(std::string_view token) {
  const auto claims = read_jwt(token);
  if (!claims) return std::nullopt;

  TokenClaims result;
  result.identity = text_at(*claims, "sub");
  result.expires = numeric_date(*claims, "exp");
  const json::value* video = claims->if_contains("video");
  if (video != nullptr && video->is_object()) result.room = text_at(video->get_object(), "room");
  return result;
}

}  // namespace holdfast::livekit

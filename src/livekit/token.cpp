#include "livekit/token.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json.hpp>
#include <limits>

#include "base/bytes.hpp"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;

constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// RFC 4648 section 5, without padding (RFC 7515 section 2).
std::string encode_base64url(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const std::uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) text.push_back(base64url_alphabet[bits >> (count - 6) & 63]);
  }
  if (count > 0) text.push_back(base64url_alphabet[bits << (6 - count) & 63]);
  return text;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto value = base64url_alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xff));
    }
  }
  return bytes;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::array<std::uint8_t, 32> digest{};
  const Bytes message = as_bytes(text);
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(), digest.data(),
       nullptr);
  return encode_base64url(digest);
}

std::int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_string() ? std::string(value->get_string().c_str()) : std::string();
}

// exp is a NumericDate, which may have a fraction (RFC 7519 section 2). One that no clock reaches counts as
// none.
std::optional<WallTime> time_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double seconds = value->to_number<double>();
  constexpr double limit = to_seconds(Duration::max()) / 2;
  if (!(seconds >= 0 && seconds < limit)) return std::nullopt;
  return WallTime(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
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
  const std::string signed_part = encode_base64url(as_bytes(R"({"alg":"HS256","typ":"JWT"})")) + '.' +
                                  encode_base64url(as_bytes(json::serialize(claims)));
  return signed_part + '.' + hmac_sha256(grant.api_secret, signed_part);
}

std::string make_identity(Random& random) {
  return fmt::format("holdfast-{:016x}", random.next_u64());
}

std::optional<TokenClaims> read_claims(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  json::error_code error;
  const json::value claims = json::parse(*payload, error);
  if (error || !claims.is_object()) return std::nullopt;

  TokenClaims result;
  result.identity = text_at(claims.get_object(), "sub");
  result.expires = time_at(claims.get_object(), "exp");
  const json::value* video = claims.get_object().if_contains("video");
  if (video != nullptr && video->is_object()) result.room = text_at(video->get_object(), "room");
  return result;
}

}  // namespace holdfast::livekit

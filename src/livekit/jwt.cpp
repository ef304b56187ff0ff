#include "livekit/jwt.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/bytes.hpp"
#include "base/text.hpp"

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

struct Pieces {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signed_part;  // header.payload
};

std::optional<Pieces> take_apart(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return Pieces{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
                token.substr(0, second)};
}

std::optional<json::object> read_piece(std::string_view piece) {
  const auto text = decode_base64url(piece);
  if (!text) return std::nullopt;
  json::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

}  // namespace

std::string sign_jwt(const json::object& claims, std::string_view secret) {
  const std::string signed_part = encode_base64url(as_bytes(R"({"alg":"HS256","typ":"JWT"})")) + '.' +
                                  encode_base64url(as_bytes(json::serialize(claims)));
  return signed_part + '.' + hmac_sha256(secret, signed_part);
}

std::optional<json::object> read_jwt(std::string_view token) {
  const auto pieces = take_apart(token);
  return pieces ? read_piece(pieces->payload) : std::nullopt;
}

std::optional<json::object> verify_jwt(std::string_view token, std::string_view secret) {
  const auto pieces = take_apart(token);
  if (!pieces || !equal_secrets(pieces->signature, hmac_sha256(secret, pieces->signed_part))) {
    return std::nullopt;
  }
  const auto header = read_piece(pieces->header);
  if (!header || text_at(*header, "alg") != "HS256") return std::nullopt;
  return read_piece(pieces->payload);
}

std::string text_at(const json::object& claims, std::string_view key) {
  const json::value* value = claims.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_string() ? std::string(value->get_string().c_str()) : std::string();
}

std::optional<WallTime> numeric_date(const json::object& claims, std::string_view key) {
  const json::value* value = claims.if_contains({key.data(), key.size()});
  if (value == nullptr || !value->is_number()) return std::nullopt;
  const double seconds = value->to_number<double>();
  constexpr double limit = to_seconds(Duration::max()) / 2;
  if (!(seconds >= 0 && seconds < limit)) return std::nullopt;
  return WallTime(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

}  // namespace holdfast::livekit

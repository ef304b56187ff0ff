#include "livekit/webhook.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "livekit/jwt.hpp"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// Between the server's clock and ours.
constexpr Duration leeway = 60s;

// Base64 with padding (RFC 4648 section 4), of the SHA-256 digest.
std::string digest_of(std::string_view body) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(body.data(), body.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::array<unsigned char, 45> text{};  // 44, and the zero that EVP_EncodeBlock appends
  const int size = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  return {text.begin(), text.begin() + size};
}

WebhookEvent::Kind kind_of(std::string_view event) {
  using enum WebhookEvent::Kind;
  constexpr std::array<std::pair<std::string_view, WebhookEvent::Kind>, 6> known{
      {{"track_published", published},
       {"room_finished", room_over},
       {"room_started", maybe_changed},
       {"participant_joined", maybe_changed},
       {"participant_left", maybe_changed},
       {"track_unpublished", maybe_changed}}};
  const auto found = std::ranges::find(known, event, [](const auto& pair) { return pair.first; });
  return found == known.end() ? other : found->second;
}

// protojson writes an int64 as text, and reads it as either.
std::optional<WallTime> created_at(const json::object& event) {
  std::int64_t seconds = 0;
  if (const std::string text = text_at(event, "createdAt"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    // What no clock reaches counts as none.
    if (seconds < 0 || seconds > 9'000'000'000) return std::nullopt;
    return WallTime(std::chrono::seconds(seconds));
  }
  return numeric_date(event, "createdAt");
}

std::string text_in(const json::object& event, std::string_view object, std::string_view key) {
  const json::value* value = event.if_contains(json::string_view(object.data(), object.size()));
  return value != nullptr && value->is_object() ? text_at(value->get_object(), key) : std::string();
}

Result<void> check_signature(std::string_view authorization, std::string_view body, std::string_view api_key,
                             std::string_view api_secret, WallTime now) {
  if (authorization.empty()) {
    return fail(ErrorCode::refused, "the webhook is not signed: it has no Authorization header field");
  }
  const auto claims = verify_jwt(authorization, api_secret);
  if (!claims) {
    return fail(ErrorCode::refused,
                "the webhook's signature is wrong: sign webhooks with the API key set in livekit_api_key");
  }
  if (text_at(*claims, "iss") != api_key) {
    return fail(ErrorCode::refused, "the webhook is signed with an API key other than livekit_api_key");
  }
  const auto expires = numeric_date(*claims, "exp");
  if (!expires || now > *expires + leeway) {
    return fail(ErrorCode::refused,
                "the webhook's signature has expired: compare the clocks of both machines");
  }
  const auto not_before = numeric_date(*claims, "nbf");
  if (not_before && now < *not_before - leeway) {
    return fail(ErrorCode::refused,
                "the webhook's signature is not valid yet: compare the clocks of both machines");
  }
  if (!equal_secrets(text_at(*claims, "sha256"), digest_of(body))) {
    return fail(ErrorCode::refused, "the webhook's body does not match its signature");
  }
  return {};
}

}  // namespace

Result<WebhookEvent> read_webhook(std::string_view authorization, std::string_view body,
                                  std::string_view api_key, std::string_view api_secret, WallTime now) {
  if (auto checked = check_signature(authorization, body, api_key, api_secret, now); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  json::error_code error;
  const json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error || !value.is_object() || text_at(value.get_object(), "event").empty()) {
    return fail(ErrorCode::invalid, "the webhook's body is not a LiveKit event");
  }
  const json::object& object = value.get_object();
  WebhookEvent event;
  event.kind = kind_of(text_at(object, "event"));
  event.room = text_in(object, "room", "name");
  event.participant = text_in(object, "participant", "identity");
  const json::value* track = object.if_contains("track");
  const json::value* muted =
      track != nullptr && track->is_object() ? track->get_object().if_contains("muted") : nullptr;
  event.muted = muted != nullptr && muted->is_bool() && muted->get_bool();
  event.created = created_at(object);
  return event;
}

}  // namespace holdfast::livekit

#include "livekit/webhook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "livekit/jwt.hpp"

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::int64_t unix_now = 1'700'000'000;
const WallTime now{std::chrono::seconds(unix_now)};

const std::string body =
    R"({"event":"track_published","room":{"sid":"RM_1","name":"a:b"},"participant":{"identity":"anna"},)"
    R"("track":{"sid":"TR_1","type":"VIDEO"},"id":"EV_1","createdAt":"1699999999"})";
// printf '%s' BODY | openssl dgst -sha256 -binary | base64
constexpr std::string_view digest = "jWb7kBsMHegZvynO6WAdkL1adt8fd2oRUR8eV4Eu+Tw=";

boost::json::object good_claims() {
  return {{"iss", "key"}, {"nbf", unix_now}, {"exp", unix_now + 300}, {"sha256", digest}};
}
Result<WebhookEvent> read(const std::string& authorization, const std::string& text = body,
                          WallTime at = now) {
  return read_webhook(authorization, text, "key", "secret", at);
}
std::string refusal(const Result<WebhookEvent>& event) {
  EXPECT_FALSE(event);
  if (event) return "";
  EXPECT_EQ(event.error().code, ErrorCode::refused);
  return event.error().message;
}

TEST(Webhook, a_signed_event_is_read) {
  const auto event = read(sign_jwt(good_claims(), "secret"));
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->kind, WebhookEvent::Kind::published);
  EXPECT_EQ(event->room, "a:b");
  EXPECT_EQ(event->participant, "anna");
  EXPECT_EQ(event->created, now - 1s);
}

TEST(Webhook, a_signature_of_another_secret_key_or_body_is_refused) {
  const std::string good = sign_jwt(good_claims(), "secret");
  EXPECT_THAT(refusal(read("")), HasSubstr("not signed"));
  EXPECT_THAT(refusal(read("nonsense")), HasSubstr("signature is wrong"));
  EXPECT_THAT(refusal(read("Bearer " + good)), HasSubstr("signature is wrong"));
  EXPECT_THAT(refusal(read(sign_jwt(good_claims(), "another"))), HasSubstr("signature is wrong"));
  EXPECT_THAT(refusal(read(good, body + " ")), HasSubstr("does not match its signature"));
  auto other_key = good_claims();
  other_key["iss"] = "another";
  EXPECT_THAT(refusal(read(sign_jwt(other_key, "secret"))),
              HasSubstr("an API key other than livekit_api_key"));
  // A token to join a room is signed as well, but for no body.
  auto join_token = good_claims();
  join_token.erase("sha256");
  EXPECT_THAT(refusal(read(sign_jwt(join_token, "secret"))), HasSubstr("does not match its signature"));
}

TEST(Webhook, every_changed_byte_of_the_authorization_is_refused) {
  const std::string good = sign_jwt(good_claims(), "secret");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    refusal(read(changed));
  }
}

TEST(Webhook, the_token_cannot_choose_its_algorithm) {
  // {"alg":"none"}, and no signature (RFC 8725 section 2.1).
  const std::string good = sign_jwt(good_claims(), "secret");
  const std::string payload = good.substr(good.find('.'), good.rfind('.') - good.find('.') + 1);
  EXPECT_THAT(refusal(read("eyJhbGciOiJub25lIn0" + payload)), HasSubstr("signature is wrong"));
}

TEST(Webhook, a_minute_of_clock_difference_is_forgiven_and_no_more) {
  const std::string good = sign_jwt(good_claims(), "secret");
  EXPECT_TRUE(read(good, body, now + 300s + 59s));
  EXPECT_THAT(refusal(read(good, body, now + 300s + 61s)), HasSubstr("expired"));
  EXPECT_TRUE(read(good, body, now - 59s));
  EXPECT_THAT(refusal(read(good, body, now - 61s)), HasSubstr("not valid yet"));
  auto endless = good_claims();
  endless.erase("exp");
  EXPECT_THAT(refusal(read(sign_jwt(endless, "secret"))), HasSubstr("expired"));
}

TEST(Webhook, a_track_that_is_published_muted_is_told_apart) {
  const std::string text = R"({"event":"track_published","room":{"name":"a"},"track":{"muted":true}})";
  auto claims = good_claims();
  claims["sha256"] = "Wzb437Tu992q498NzbdxAyJ63/ZqYH9MCCxBcKSBFQY=";
  const auto event = read(sign_jwt(claims, "secret"), text);
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_TRUE(event->muted);
  EXPECT_FALSE(event->created);
  EXPECT_FALSE(read(sign_jwt(good_claims(), "secret"))->muted);
}

TEST(Webhook, what_is_signed_but_no_event_is_invalid) {
  auto claims = good_claims();
  // SHA-256 of "{}".
  claims["sha256"] = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
  const auto event = read(sign_jwt(claims, "secret"), "{}");
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace holdfast::livekit

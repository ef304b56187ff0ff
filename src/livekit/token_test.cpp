#include "livekit/token.hpp"

#include <gtest/gtest.h>

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;

const TokenGrant grant{
    .api_key = "devkey", .api_secret = "secret", .room = "a:b é", .identity = "holdfast-1"};

TEST(Token, IsWhatAnotherImplementationMakesOfTheSameClaims) {
  // By Python's hmac and base64 modules.
  EXPECT_EQ(make_token(grant, WallTime(1'700'000'000s)),
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkZXZrZXkiLCJzdWIiOiJob2xkZmFzdC0xIiwibmJmI"
            "joxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDAsInZpZGVvIjp7InJvb21Kb2luIjp0cnVlLCJyb29tIjoiYTpiIMO"
            "pIiwiY2FuU3Vic2NyaWJlIjp0cnVlLCJjYW5QdWJsaXNoIjpmYWxzZSwiY2FuUHVibGlzaERhdGEiOmZhbHNlLCJoa"
            "WRkZW4iOnRydWV9LCJraW5kIjoiZWdyZXNzIn0.8TMJRlNvx4JrynulNFM2QnLfp_wON993ukdJleGvSdY");
}

TEST(Token, SaysWhatItWasMadeWith) {
  const auto claims = read_claims(make_token(grant, WallTime(1'700'000'000s)));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->room, "a:b é");
  EXPECT_EQ(claims->identity, "holdfast-1");
  EXPECT_EQ(claims->expires, WallTime(1'700'003'600s));
}

TEST(Token, ReadsTheExampleOfRfc7515) {
  // Appendix A.1.1: exp, and no claims of LiveKit's.
  const auto claims = read_claims(
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
      "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->expires, WallTime(1'300'819'380s));
  EXPECT_EQ(claims->room, "");
}

TEST(Token, ReadsNothingFromWhatIsNoToken) {
  for (const char* text :
       {"", ".", "..", "a.b", "a.!!.c", "a.W10.c", "a.e30", "not a token", "a.eyJleHAiOg.c"}) {
    EXPECT_FALSE(read_claims(text)) << text;
  }
  EXPECT_TRUE(read_claims("a.e30.c"));  // {}
}

TEST(Token, AnExpiryThatNoClockReachesCountsAsNone) {
  EXPECT_FALSE(read_claims("a.eyJleHAiOjFlMzAwfQ.c")->expires);   // 1e300
  EXPECT_FALSE(read_claims("a.eyJleHAiOi01fQ.c")->expires);       // -5
  EXPECT_FALSE(read_claims("a.eyJleHAiOiJzb29uIn0.c")->expires);  // "soon"
}

TEST(Identity, IsDifferentEachTime) {
  SeededRandom random(1);
  const std::string first = make_identity(random);
  EXPECT_EQ(first.size(), std::string_view("holdfast-").size() + 16);
  EXPECT_NE(first, make_identity(random));
}

}  // namespace
}  // namespace holdfast::livekit

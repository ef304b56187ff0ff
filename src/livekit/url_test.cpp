#include "livekit/url.hpp"

#include <gmock/gmock.h>

namespace holdfast::livekit {
namespace {

using testing::HasSubstr;
using testing::Not;

ServerUrl parsed(std::string_view text) {
  const auto url = ServerUrl::parse(text);
  EXPECT_TRUE(url) << text << ": " << url.error().message;
  return url.value_or(ServerUrl{});
}

TEST(ServerUrl, TakesAnyOfTheFourSchemes) {
  EXPECT_EQ(parsed("ws://example.org"), (ServerUrl{Transport::plain, "example.org", 80, ""}));
  EXPECT_EQ(parsed("wss://example.org"), (ServerUrl{Transport::tls, "example.org", 443, ""}));
  EXPECT_EQ(parsed("http://example.org:7880"), (ServerUrl{Transport::plain, "example.org", 7880, ""}));
  EXPECT_EQ(parsed("HTTPS://example.org"), (ServerUrl{Transport::tls, "example.org", 443, ""}));
}

TEST(ServerUrl, KeepsAPathInFrontOfLiveKitsOwn) {
  EXPECT_EQ(parsed("wss://example.org/").path, "");
  EXPECT_EQ(parsed("wss://example.org/live/").path, "/live");
  EXPECT_THAT(signal_target(parsed("wss://example.org/live")), testing::StartsWith("/live/rtc?"));
}

TEST(ServerUrl, WritesItselfBack) {
  for (const char* text : {"ws://[::1]:7880/a", "wss://example.org", "ws://127.0.0.1:7880"}) {
    EXPECT_EQ(parsed(text).to_string(), text);
  }
  EXPECT_EQ(parsed("ws://[::1]:7880").host, "::1");
  EXPECT_EQ(parsed("ws://[::1]:7880").authority(), "[::1]:7880");
}

TEST(ServerUrl, RefusesWhatItCannotUseAndNeverRepeatsIt) {
  for (const char* text :
       {"", "example.org", "ftp://example.org", "wss://", "wss:///path", "wss://u:SECRET@example.org",
        "wss://example.org?access_token=SECRET", "wss://example.org#SECRET", "ws://example.org:0",
        "ws://example.org:99999", "ws://exa mple.org", "//example.org"}) {
    const auto url = ServerUrl::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::invalid);
    EXPECT_THAT(url.error().message, HasSubstr("livekit_url"));
    EXPECT_THAT(url.error().message, Not(HasSubstr("SECRET")));
  }
}

TEST(SignalTarget, SubscribesToNothingByItselfAndIsNeverPausedOrScaledDown) {
  const std::string target = signal_target(parsed("ws://example.org"));
  EXPECT_THAT(target, testing::StartsWith("/rtc?"));
  for (const char* part :
       {"protocol=16", "auto_subscribe=0", "adaptive_stream=0", "subscriber_allow_pause=0"}) {
    EXPECT_THAT(target, HasSubstr(part));
  }
}

}  // namespace
}  // namespace holdfast::livekit

#include "livekit/token_endpoint.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// A site's join endpoint, which answers what it is asked as pump.fun's does.
class Site {
 public:
  HttpResponse answer(const HttpRequest& request) const {
    if (request.method != "POST" || request.url != "https://site.example/livestream/join")
      return {400, {}, {}};
    boost::json::error_code error;
    const auto body = boost::json::parse(request.body, error);
    if (error || !body.is_object() || !body.as_object().contains("mintId")) return {400, {}, {}};
    if (body.at("mintId") != boost::json::value(live)) return {404, {}, R"({"message":"not live"})"};
    return {201, {}, R"({"token":"eyJ.abc.def","role":"viewer"})"};
  }
  std::string live;
};

TokenEndpointConfig join_by_post() {
  TokenEndpointConfig config;
  config.method = "POST";
  config.url = "https://site.example/livestream/join";
  config.body = R"({"mintId":"{mint_id}","viewer":true})";
  return config;
}

class TokenEndpointTest : public testing::Test {
 protected:
  static TokenEndpoint endpoint(TokenEndpointConfig config) {
    auto result = TokenEndpoint::create(std::move(config));
    EXPECT_TRUE(result) << result.error().message;
    return *result;
  }
  TokenOutcome read(const TokenEndpointConfig& config, Result<HttpResponse> reply) {
    return endpoint(config).handle_reply(reply, now_, random_);
  }
  AskLater later(const TokenEndpointConfig& config, Result<HttpResponse> reply) {
    const TokenOutcome outcome = read(config, std::move(reply));
    EXPECT_TRUE(std::holds_alternative<AskLater>(outcome));
    return std::holds_alternative<AskLater>(outcome) ? std::get<AskLater>(outcome) : AskLater{};
  }
  Error error(const TokenEndpointConfig& config, Result<HttpResponse> reply) {
    const TokenOutcome outcome = read(config, std::move(reply));
    EXPECT_TRUE(std::holds_alternative<Error>(outcome));
    return std::holds_alternative<Error>(outcome) ? std::get<Error>(outcome) : Error{};
  }
  LiveToken live(const TokenEndpointConfig& config, Result<HttpResponse> reply) {
    const TokenOutcome outcome = read(config, std::move(reply));
    EXPECT_TRUE(std::holds_alternative<LiveToken>(outcome));
    return std::holds_alternative<LiveToken>(outcome) ? std::get<LiveToken>(outcome) : LiveToken{};
  }

  // Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
  WallTime now_{784'111'777s};
  SeededRandom random_{7};
};

TEST_F(TokenEndpointTest, FollowsAStreamFromNotLiveToLive) {
  const TokenEndpoint asker = endpoint(join_by_post());
  Site site;
  const auto ask = [&] { return asker.handle_reply(site.answer(asker.request("mint1")), now_, random_); };
  EXPECT_EQ(std::get<AskLater>(ask()).why.code, ErrorCode::not_found);
  site.live = "mint1";
  EXPECT_EQ(std::get<LiveToken>(ask()).token, "eyJ.abc.def");
}

TEST_F(TokenEndpointTest, EscapesTheMintIdForWhereItStands) {
  TokenEndpointConfig config = join_by_post();
  config.url = "https://site.example/{mint_id}/join?of={mint_id}";
  config.headers = {{"Referer", "https://site.example/coin/{mint_id}"}};
  const HttpRequest request = endpoint(config).request(R"(a"b/ü)");
  EXPECT_EQ(request.url, "https://site.example/a%22b%2F%C3%BC/join?of=a%22b%2F%C3%BC");
  EXPECT_EQ(request.body, R"({"mintId":"a\"b/ü","viewer":true})");
  EXPECT_EQ(request.headers.front().value, R"(https://site.example/coin/a"b/ü)");
}

TEST_F(TokenEndpointTest, ABodyIsJsonUnlessAHeaderSaysOtherwise) {
  EXPECT_EQ(endpoint(join_by_post()).request("m").headers.front().value, "application/json");
  TokenEndpointConfig config = join_by_post();
  config.headers = {{"content-TYPE", "application/x+json"}};
  EXPECT_EQ(endpoint(config).request("m").headers.size(), 1u);
}

TEST_F(TokenEndpointTest, FindsTokenServerAndLiveFlagByPointer) {
  TokenEndpointConfig config = join_by_post();
  config.token_pointer = "/data/0/jwt";
  config.server_url_pointer = "/data/0/server~1url";
  config.live_pointer = "/live";
  const HttpResponse reply{200, {}, R"({"live":true,"data":[{"jwt":"T","server/url":"wss://x"}]})"};
  EXPECT_EQ(live(config, reply).token, "T");
  EXPECT_EQ(live(config, reply).server_url, "wss://x");
  const HttpResponse idle{200, {}, R"({"live":false,"data":[{"jwt":"T","server/url":"wss://x"}]})"};
  EXPECT_EQ(later(config, idle).why.code, ErrorCode::not_found);
  EXPECT_EQ(later(config, HttpResponse{200, {}, "{}"}).why.code, ErrorCode::not_found);
}

TEST_F(TokenEndpointTest, ATokenOfNullMeansNotLive) {
  EXPECT_EQ(later(join_by_post(), HttpResponse{200, {}, R"({"token":null})"}).why.code, ErrorCode::not_found);
}

TEST_F(TokenEndpointTest, NotLiveStatusesAreConfigured) {
  TokenEndpointConfig config = join_by_post();
  config.not_live_statuses = {400, 500};
  EXPECT_EQ(later(config, HttpResponse{400, {}, {}}).why.code, ErrorCode::not_found);
  EXPECT_EQ(later(config, HttpResponse{500, {}, {}}).why.code, ErrorCode::not_found);
  EXPECT_EQ(error(config, HttpResponse{404, {}, {}}).code, ErrorCode::refused);
}

TEST_F(TokenEndpointTest, TroubleIsAskedAgainAndRefusalIsNot) {
  EXPECT_EQ(later(join_by_post(), HttpResponse{503, {}, {}}).why.code, ErrorCode::unavailable);
  EXPECT_EQ(later(join_by_post(), HttpResponse{429, {}, {}}).why.code, ErrorCode::unavailable);
  EXPECT_EQ(later(join_by_post(), fail(ErrorCode::unavailable, "down")).why.message, "down");
  EXPECT_EQ(error(join_by_post(), fail(ErrorCode::refused, "certificate")).message, "certificate");
  EXPECT_EQ(error(join_by_post(), HttpResponse{403, {}, {}}).code, ErrorCode::refused);
  EXPECT_EQ(error(join_by_post(), HttpResponse{302, {}, {}}).code, ErrorCode::refused);
}

TEST_F(TokenEndpointTest, WaitsThePollIntervalAndABit) {
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = later(join_by_post(), HttpResponse{404, {}, {}}).wait;
    EXPECT_GE(wait, 5s);
    EXPECT_LE(wait, 6s);
  }
}

TEST_F(TokenEndpointTest, HonoursRetryAfter) {
  TokenEndpointConfig config = join_by_post();
  config.jitter = 0;
  const auto wait = [&](std::string value) {
    return later(config, HttpResponse{429, {{"retry-after", std::move(value)}}, {}}).wait;
  };
  EXPECT_EQ(wait("30"), 30s);
  EXPECT_EQ(wait("1"), 5s);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:50:37 GMT"), 60s);
  EXPECT_EQ(wait("Sun, 06 Nov 1993 08:50:37 GMT"), 5s);
  EXPECT_EQ(wait("soon"), 5s);
  EXPECT_EQ(wait("-3"), 5s);
  EXPECT_EQ(wait("99999999999999999999"), longest_retry_after);
  EXPECT_EQ(wait("Fri, 31 Dec 9999 23:59:59 GMT"), longest_retry_after);
}

TEST_F(TokenEndpointTest, SaysWhatIsWrongWithAReplyWithoutRepeatingIt) {
  TokenEndpointConfig config = join_by_post();
  config.live_pointer = "/live";
  for (const char* body : {"SECRET", R"({"live":"SECRET"})", R"({"live":true,"jwt":"SECRET"})",
                           R"({"live":true,"token":""})", R"({"live":true,"token":7})"}) {
    const Error wrong = error(config, HttpResponse{200, {}, body});
    EXPECT_EQ(wrong.code, ErrorCode::invalid) << body;
    EXPECT_THAT(wrong.message, Not(HasSubstr("SECRET")));
  }
}

TEST_F(TokenEndpointTest, RefusesAConfigurationThatCannotWork) {
  const auto message_for = [](auto change) {
    TokenEndpointConfig config = join_by_post();
    change(config);
    const auto result = TokenEndpoint::create(config);
    return result ? std::string() : result.error().message;
  };
  EXPECT_THAT(message_for([](auto& c) { c.url = "site.example"; }), HasSubstr("url"));
  EXPECT_THAT(message_for([](auto& c) { c.token_pointer = "token"; }), HasSubstr("token_pointer"));
  EXPECT_THAT(message_for([](auto& c) { c.live_pointer = "/a~2"; }), HasSubstr("live_pointer"));
  EXPECT_THAT(message_for([](auto& c) { c.body = "mint={mint_id}"; }), HasSubstr("body"));
  EXPECT_THAT(message_for([](auto& c) { c.jitter = -1; }), HasSubstr("jitter"));
  EXPECT_EQ(message_for([](auto&) {}), "");
}

}  // namespace
}  // namespace holdfast::livekit

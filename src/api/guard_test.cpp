#include "api/guard.hpp"

#include <gtest/gtest.h>

#include "api/router.hpp"

namespace holdfast::api {
namespace {

struct Case {
  std::string_view what;
  std::string method;
  std::string target;
  std::vector<HttpHeader> headers;
  int status;  // 0: goes through
};

int check(const Guard& guard, const Case& asked) {
  const IncomingRequest request{
      .method = asked.method, .target = asked.target, .headers = asked.headers, .body = {}, .remote = {}};
  const auto refused = guard.check(request, Router::access_to(request));
  return refused ? refused->status : 0;
}

HttpHeader host(std::string value) {
  return {"host", std::move(value)};
}
HttpHeader origin(std::string value) {
  return {"origin", std::move(value)};
}
HttpHeader bearer(std::string token) {
  return {"authorization", "Bearer " + std::move(token)};
}

TEST(Guard, without_tokens_loopback_may_do_all_and_foreign_pages_nothing) {
  const Guard guard({});
  const std::string start = "/api/recording/start/x";
  const Case cases[] = {
      {"loopback address", "POST", start, {host("127.0.0.1:8000")}, 0},
      {"another loopback address", "POST", start, {host("127.9.9.9")}, 0},
      {"IPv6 loopback", "POST", start, {host("[::1]:8000")}, 0},
      {"loopback name", "POST", start, {host("LocalHost:8000")}, 0},
      {"a rebound name", "POST", start, {host("evil.example:8000")}, 421},
      {"a name that begins like ours", "POST", start, {host("localhost.evil.example")}, 421},
      {"an address of the network", "POST", start, {host("192.168.1.1:8000")}, 421},
      {"an empty host", "POST", start, {host("")}, 421},
      {"half an IPv6 address", "POST", start, {host("[::1")}, 0},
      {"no host", "POST", start, {}, 400},
      {"two hosts", "POST", start, {host("localhost"), host("evil.example")}, 400},
      {"our own page", "POST", start, {host("localhost:8000"), origin("http://localhost:8000")}, 0},
      {"a page of another port",
       "POST",
       start,
       {host("localhost:8000"), origin("http://localhost:3000")},
       403},
      {"a foreign page", "POST", start, {host("localhost:8000"), origin("https://evil.example")}, 403},
      {"a page without origin", "POST", start, {host("localhost:8000"), origin("null")}, 403},
      {"a foreign page reading", "GET", "/metrics", {host("localhost"), origin("https://evil.example")}, 403},
      {"a foreign page publishing",
       "POST",
       "/whip/x",
       {host("localhost"), origin("https://evil.example")},
       403},
      {"a foreign preflight",
       "OPTIONS",
       "/whip/x",
       {host("localhost"), origin("https://evil.example"), {"access-control-request-method", "POST"}},
       403},
      {"a probe by address", "GET", "/health", {host("10.0.0.7:8000")}, 0},
      {"a probe without host", "GET", "/ready", {}, 0},
  };
  for (const Case& asked : cases) EXPECT_EQ(check(guard, asked), asked.status) << asked.what;
}

TEST(Guard, configured_hosts_are_answered_with_any_port_or_with_theirs) {
  const Guard guard({.api_token = {},
                     .whip_token = {},
                     .allowed_hosts = {"Record.example", "other.example:81", "2001:db8::1", "[2001:db8::2]"},
                     .allowed_origins = {}});
  const std::pair<const char*, int> cases[] = {
      {"record.example", 0},     {"record.example:8000", 0}, {"other.example:81", 0},
      {"other.example:82", 421}, {"other.example", 421},     {"[2001:db8::1]:80", 0},
      {"[2001:db8::2]:80", 0},   {"[2001:db8::3]", 421},     {"x.record.example", 421}};
  for (const auto& [name, status] : cases)
    EXPECT_EQ(check(guard, {"", "GET", "/metrics", {host(name)}, 0}), status) << name;
  EXPECT_EQ(check(Guard({.api_token = {}, .whip_token = {}, .allowed_hosts = {"*"}, .allowed_origins = {}}),
                  {"", "GET", "/metrics", {host("any")}, 0}),
            0);
}

TEST(Guard, tokens_are_asked_for_where_they_are_configured) {
  const Guard both({.api_token = "api", .whip_token = "whip", .allowed_hosts = {}, .allowed_origins = {}});
  const Guard api_only({.api_token = "api", .whip_token = {}, .allowed_hosts = {}, .allowed_origins = {}});
  const Guard whip_only({.api_token = {}, .whip_token = "whip", .allowed_hosts = {}, .allowed_origins = {}});
  const HttpHeader here = host("localhost");
  const std::tuple<const Guard*, const char*, std::vector<HttpHeader>, int> cases[] = {
      {&both, "/metrics", {here}, 401},
      {&both, "/metrics", {here, bearer("api")}, 0},
      {&both, "/metrics", {here, bearer("apj")}, 401},
      {&both, "/metrics", {here, bearer("")}, 401},
      {&both, "/metrics", {here, bearer("whip")}, 401},
      {&both, "/metrics", {here, {"authorization", "Basic YXBp"}}, 401},
      {&both, "/metrics", {here, {"authorization", "bearer  api"}}, 0},
      {&both, "/whip/x", {here, bearer("whip")}, 0},
      {&both, "/whip/x", {here, bearer("api")}, 401},
      {&both, "/health", {here}, 0},
      {&api_only, "/whip/x", {here}, 401},
      {&api_only, "/whip/x", {here, bearer("api")}, 0},
      {&whip_only, "/metrics", {here}, 0},
      {&whip_only, "/whip/x", {here}, 401},
  };
  for (const auto& [guard, target, headers, status] : cases) {
    EXPECT_EQ(check(*guard, {"", "GET", target, headers, 0}), status)
        << target << ' ' << headers.back().value;
  }
}

TEST(Guard, only_a_post_to_the_webhooks_path_is_left_to_its_signature) {
  const Guard guard({.api_token = "api", .whip_token = {}, .allowed_hosts = {}, .allowed_origins = {}});
  const HttpHeader foreign = host("holdfast:8000");
  const HttpHeader here = host("localhost");
  const Case cases[] = {
      {"a webhook", "POST", "/api/livekit/webhook", {foreign, {"authorization", "eyJ"}}, 0},
      {"another method", "GET", "/api/livekit/webhook", {here}, 401},
      {"a preflight", "OPTIONS", "/api/livekit/webhook", {foreign}, 421},
      {"a longer path", "POST", "/api/livekit/webhook/", {here}, 401},
      {"a path that begins like it", "POST", "/api/livekit/webhook/../follow/x", {here}, 401},
      {"following", "POST", "/api/follow/x", {here}, 401},
      {"its escape", "POST", "/api/livekit%2Fwebhook", {here}, 401},
  };
  for (const Case& asked : cases) EXPECT_EQ(check(guard, asked), asked.status) << asked.what;
}

TEST(Guard, an_allowed_page_gets_its_preflight_without_a_token_and_may_read_the_answer) {
  const Guard guard({.api_token = "api",
                     .whip_token = {},
                     .allowed_hosts = {},
                     .allowed_origins = {"https://studio.example"}});
  const IncomingRequest preflight{.method = "OPTIONS",
                                  .target = "/whip/x",
                                  .headers = {host("localhost"),
                                              origin("https://studio.example"),
                                              {"access-control-request-method", "POST"}},
                                  .body = {},
                                  .remote = {}};
  const auto answer = guard.check(preflight, Router::access_to(preflight));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->header("access-control-allow-methods"), "GET, POST, PUT, PATCH, DELETE");
  const HttpResponse headers{0, guard.cors_headers(preflight), {}};
  EXPECT_EQ(headers.header("access-control-allow-origin"), "https://studio.example");
  EXPECT_NE(headers.header("access-control-expose-headers").find("location"), std::string_view::npos);
  EXPECT_EQ(check(guard, {"", "POST", "/whip/x", {host("localhost"), origin("https://studio.example")}, 0}),
            401);
}

TEST(Guard, nobody_else_is_told_that_they_may_read) {
  const Guard guard({.api_token = {},
                     .whip_token = {},
                     .allowed_hosts = {},
                     .allowed_origins = {"https://studio.example"}});
  for (const char* page : {"https://evil.example", "null", ""}) {
    EXPECT_TRUE(guard
                    .cors_headers(
                        {.method = "GET", .target = "/", .headers = {origin(page)}, .body = {}, .remote = {}})
                    .empty())
        << page;
  }
}

}  // namespace
}  // namespace holdfast::api

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.hpp"
#include "base/http_exchange.hpp"

namespace holdfast::api {

// Where LiveKit's server posts its webhooks.
inline constexpr std::string_view webhook_path = "/api/livekit/webhook";

// Decides who may ask: the first thing every request meets. Pure.
//
// - Access::open and Access::signature: anybody.
// - Access::api_token: Host loopback or of allowed_hosts; Origin none, the same or of allowed_origins;
// api_token.
// - Access::whip_token: the same, but whip_token; if that is not configured, api_token.
//
// A token that is not configured is not asked for. The Host rule stops DNS rebinding, the Origin rule stops
// web pages from sending requests whose answers they cannot read: a POST without a body needs no preflight.
class Guard {
 public:
  struct Options {
    std::string api_token;
    std::string whip_token;
    std::vector<std::string>
        allowed_hosts;  // "record.example.org", "192.0.2.7", with ":port" or for any; "*": any
    std::vector<std::string> allowed_origins;  // "https://studio.example.org"; "*": any
  };

  explicit Guard(Options options) : options_(std::move(options)) {}

  // The answer to a request that goes no further: refused (400, 401, 403, 421), or a CORS preflight (204).
  std::optional<HttpResponse> check(const IncomingRequest& request, Access access) const;
  // What lets the page of an allowed foreign origin read the answer (CORS, Fetch section 3.2.3); none
  // otherwise.
  std::vector<HttpHeader> cors_headers(const IncomingRequest& request) const;

 private:
  bool host_allowed(std::string_view host) const;
  bool origin_listed(std::string_view origin) const;
  const std::string& token_for(Access access) const;

  Options options_;
};

}  // namespace holdfast::api

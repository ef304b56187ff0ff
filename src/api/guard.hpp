#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_exchange.hpp"

namespace holdfast::api {

// Decides who may ask: the first thing every request meets. Pure.
//
// | path             | Host                      | Origin                          | token |
// |------------------|---------------------------|---------------------------------|-------------------------------------|
// | /health, /ready  | any                       | any                             | none: probes have none,
// and they    | |                  |                           |                                 | tell
// nothing                        | | /whip/...        | loopback or allowed_hosts | none, same, or
// allowed_origins  | whip_token, or else api_token       | | everything else  | loopback or allowed_hosts |
// none, same, or allowed_origins  | api_token                           |
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
  std::optional<HttpResponse> check(const IncomingRequest& request) const;
  // What lets the page of an allowed foreign origin read the answer (CORS, Fetch section 3.2.3); none
  // otherwise.
  std::vector<HttpHeader> cors_headers(const IncomingRequest& request) const;

 private:
  bool host_allowed(std::string_view host) const;
  bool origin_listed(std::string_view origin) const;
  const std::string& token_for(std::string_view path) const;

  Options options_;
};

}  // namespace holdfast::api

#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/http.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "livekit/retry_after.hpp"

namespace holdfast::livekit {

// A site's HTTP endpoint that hands out join tokens. `{mint_id}` is replaced in the URL (percent-encoded), in
// header values and in the body (escaped as in a JSON string). Pointers are JSON pointers (RFC 6901) into the
// reply.
struct TokenEndpointConfig {
  std::string method = "GET";
  std::string url;
  std::vector<HttpHeader> headers;
  std::string body;  // JSON; sent as application/json unless a header says otherwise
  std::string token_pointer = "/token";
  std::string server_url_pointer;  // empty: the server's URL is configured
  std::string live_pointer;        // empty: whoever gets a token is live
  std::vector<int> not_live_statuses = {404};
  Duration poll_interval = std::chrono::seconds(5);
  double jitter = 0.2;  // 0 to 1: each wait is longer by a random share of up to this, so that recorders do
                        // not ask in step
  Duration timeout = std::chrono::seconds(10);
};

struct LiveToken {
  std::string token;
  std::string server_url;  // empty: the configured one
};
// why.code: not_found = not live yet, unavailable = the endpoint is in trouble.
// Error: asking again would give the same.
using TokenOutcome = std::variant<LiveToken, AskLater, Error>;

// Makes the request and reads the reply; the HTTP client is the caller's. Values only, any thread.
class TokenEndpoint {
 public:
  // Errors (invalid): no http(s) URL, a malformed pointer, a body that is not JSON, a number out of range;
  // the setting is named.
  static Result<TokenEndpoint> create(TokenEndpointConfig config);

  HttpRequest request(std::string_view mint_id) const;
  // The wait honours Retry-After (RFC 9110 section 10.2.3), up to longest_retry_after. No part of the reply
  // appears in an error.
  TokenOutcome handle_reply(const Result<HttpResponse>& reply, WallTime now, Random& random) const;

 private:
  explicit TokenEndpoint(TokenEndpointConfig config) : config_(std::move(config)) {}
  TokenOutcome read_body(std::string_view body, Random& random) const;
  AskLater ask_later(Duration at_least, Random& random, Error why) const;

  TokenEndpointConfig config_;
};

}  // namespace holdfast::livekit

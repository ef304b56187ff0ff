#include "api/guard.hpp"

#include <algorithm>

#include "api/json.hpp"
#include "base/address.hpp"
#include "base/text.hpp"

namespace holdfast::api {
namespace {

// "example.org:8000" without the port, "[::1]:8000" without port and brackets.
std::string_view host_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  return std::ranges::count(host, ':') == 1 ? host.substr(0, host.find(':')) : host;
}

bool is_loopback(std::string_view name) {
  if (equals_ignoring_case(name, "localhost")) return true;
  const auto address = IpAddress::parse(name);
  return address && address->is_loopback();
}

// Whether a page of this origin is our own: the same host and port as asked for.
bool same_origin(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && equals_ignoring_case(origin.substr(scheme + 3), host);
}

// RFC 6750 section 2.1.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return {};
  if (!equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return trim(authorization.substr(scheme.size()));
}

HttpResponse unauthorized() {
  HttpResponse response = error_response(401, "a token is required: send Authorization: Bearer TOKEN");
  response.headers.push_back({"www-authenticate", "Bearer"});
  return response;
}

HttpResponse preflight() {
  return {204,
          {{"access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE"},
           {"access-control-allow-headers", "authorization, content-type, if-match"},
           {"access-control-max-age", "600"}},
          {}};
}

}  // namespace

std::optional<HttpResponse> Guard::check(const IncomingRequest& request, Access access) const {
  if (access == Access::open || access == Access::signature) return std::nullopt;

  // RFC 9112 section 3.2: exactly one.
  if (request.count("host") != 1)
    return error_response(400, "the request must have exactly one Host header field");
  const std::string_view host = request.header("host");
  if (!host_allowed(host)) {
    return error_response(
        421, fmt::format("host \"{}\" is not allowed; the setting allowed_hosts lists the allowed hosts",
                         printable(host)));
  }

  if (request.count("origin") > 1) return error_response(400, "the request has two Origin header fields");
  const std::string_view origin = request.header("origin");
  if (!origin.empty() && !same_origin(origin, host) && !origin_listed(origin)) {
    return error_response(
        403,
        fmt::format("origin \"{}\" is not allowed; the setting allowed_origins lists the allowed origins",
                    printable(origin)));
  }
  // A preflight carries no token (Fetch section 3.2.2), and tells only what any page may know.
  if (request.method == "OPTIONS" && request.count("access-control-request-method") != 0) return preflight();

  const std::string& token = token_for(access);
  if (!token.empty() && !equal_secrets(bearer_token(request.header("authorization")), token))
    return unauthorized();
  return std::nullopt;
}

std::vector<HttpHeader> Guard::cors_headers(const IncomingRequest& request) const {
  const std::string_view origin = request.header("origin");
  if (origin.empty() || !origin_listed(origin)) return {};
  return {{"access-control-allow-origin", std::string(origin)},
          {"access-control-expose-headers", "location, etag, accept-patch, retry-after"},
          {"vary", "origin"}};
}

bool Guard::host_allowed(std::string_view host) const {
  const std::string_view name = host_name(host);
  if (is_loopback(name)) return true;
  return std::ranges::any_of(options_.allowed_hosts, [&](std::string_view allowed) {
    return allowed == "*" || equals_ignoring_case(allowed, host) ||
           // Listed without a port: any port.
           (host_name(allowed).size() + (allowed.starts_with('[') ? 2 : 0) == allowed.size() &&
            equals_ignoring_case(host_name(allowed), name));
  });
}

bool Guard::origin_listed(std::string_view origin) const {
  return std::ranges::any_of(options_.allowed_origins, [&](std::string_view allowed) {
    return allowed == "*" || equals_ignoring_case(allowed, origin);
  });
}

const std::string& Guard::token_for(Access access) const {
  const bool is_whip = access == Access::whip_token && !options_.whip_token.empty();
  return is_whip ? options_.whip_token : options_.api_token;
}

}  // namespace holdfast::api

#pragma once

#include <string>
#include <string_view>

#include "base/links.hpp"
#include "base/result.hpp"

namespace holdfast::turn {

// A TURN server and the long-term credentials for it.
struct Server {
  LinkTarget target;
  std::string username;
  std::string password;
};

// Reads "turn:host[:port][?transport=udp|tcp]" or "turns:host[:port]" (RFC 7065 section 3.1), an IPv6 address
// in brackets. Without a port 3478, with turns 5349; without a transport UDP, with turns TCP. Errors:
// unsupported, for TURN over DTLS (turns with transport=udp) and for "stun:", which is no relay; invalid.
Result<LinkTarget> parse_url(std::string_view url);

}  // namespace holdfast::turn

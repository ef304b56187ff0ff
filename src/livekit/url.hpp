#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace holdfast::livekit {

enum class Transport : std::uint8_t { plain, tls };

// A LiveKit server, as in livekit_url: ws, wss, http or https; host, port, and a path in front of LiveKit's
// own, if any.
struct ServerUrl {
  Transport transport = Transport::plain;
  std::string host;  // IPv6 without brackets
  std::uint16_t port = 0;
  std::string path;  // "" or "/prefix", without a slash at the end

  // Errors (invalid): not such a URL, or one with credentials, a query or a fragment; the message says which.
  static Result<ServerUrl> parse(std::string_view text);
  // "wss://example.org" or "ws://[::1]:7880/prefix": the port only where it is not the scheme's own.
  std::string to_string() const;
  // The Host header field: "example.org", "[::1]:7880".
  std::string authority() const;

  bool operator==(const ServerUrl&) const = default;
};

// The request target for joining: two peer connections (the server offers), nothing subscribed by itself, top
// layer, never paused. The token does not belong here but into an Authorization header field: targets end up
// in logs.
std::string signal_target(const ServerUrl& server);
// The same for going on with a session: `own_sid` as Room::own_sid().
std::string resume_target(const ServerUrl& server, std::string_view own_sid);

}  // namespace holdfast::livekit

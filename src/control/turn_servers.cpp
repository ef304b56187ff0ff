#include "control/turn_servers.hpp"

#include "base/log.hpp"

namespace holdfast::control {

std::vector<turn::Server> to_turn_servers(const std::vector<livekit::IceServer>& servers) {
  std::vector<turn::Server> relays;
  for (const livekit::IceServer& server : servers) {
    for (const std::string& url : server.urls) {
      if (const auto target = turn::parse_url(url)) {
        relays.push_back({*target, server.username, server.credential});
      } else {
        log::debug("ignored an ICE server that LiveKit names: {}", target.error().message);
      }
    }
  }
  return relays;
}

}  // namespace holdfast::control

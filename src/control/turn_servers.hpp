#pragma once

#include <vector>

#include "livekit/room.hpp"
#include "turn/server.hpp"

namespace holdfast::control {

// Those that relay. What is no TURN server, or malformed, is left out and logged at level debug.
std::vector<turn::Server> to_turn_servers(const std::vector<livekit::IceServer>& servers);

}  // namespace holdfast::control

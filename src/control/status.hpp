#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "recording/status.hpp"

// What the control plane tells those who ask: plain values.
namespace holdfast::control {

enum class Readiness : std::uint8_t { ready, draining, disk_full, disk_failing };

// With participants = all, somebody has to see who publishes: a watch of the room. It records nothing itself.
enum class WatchState : std::uint8_t {
  watching,
  stopped,  // by request
  ended,    // the room is over, or the service shuts down
  failed,   // the server, or our own rules, let us in no more
};
std::string_view to_string(WatchState state);
// A snapshot, for the API.
struct WatchStatus {
  std::string watch_id;
  std::string mint_id;
  WatchState state = WatchState::watching;
  WallTime start_time{};
  std::string error;  // empty unless failed, or a warning the user must read
};

// What a start request came to: one recording; with Participants::all a watch, which starts one for each
// participant.
using Started = std::variant<recording::Status, WatchStatus>;
// What a stop request ended, or had ended before. Not both are empty.
struct Stopped {
  std::vector<recording::Status> recordings;
  std::optional<WatchStatus> watch;
};

}  // namespace holdfast::control

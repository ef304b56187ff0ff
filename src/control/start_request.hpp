#pragma once

#include <cstdint>
#include <string>

#include "control/recording_options.hpp"

namespace holdfast::control {

enum class Participants : std::uint8_t {
  one,  // the one named, else the first that publishes video, else audio alone
  all,  // one recording for each
};

// What a caller asked to have recorded. Every field has been checked; what is not given is the
// configuration's affair.
struct StartRequest {
  std::string mint_id{};
  std::string participant{};  // identity, UTF-8 without control characters, at most 256 bytes; empty: any
  Participants participants = Participants::one;
  std::string livekit_url{};  // ws or wss; empty: the configured one
  std::string token{};     // visible ASCII, at most 16 KiB; empty: one of our own making, or the endpoint's
  GivenOptions options{};  // of those that a request may set
};

}  // namespace holdfast::control

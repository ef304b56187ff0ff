#pragma once

#include <string>

#include "base/time.hpp"
#include "base/units.hpp"
#include "control/recording_options.hpp"
#include "livekit/token_endpoint.hpp"
#include "peer/detours.hpp"

namespace holdfast::control {

// What the configuration says to the control plane.
struct Settings {
  std::string recordings = "recordings";  // the folder
  RecordingOptions recording{};           // of those that a request leaves open

  std::string livekit_url{};  // empty: WHIP only, or the request brings it
  std::string livekit_api_key{};
  std::string livekit_api_secret{};
  std::string livekit_room = "{mint_id}";
  livekit::TokenEndpointConfig token_endpoint{};   // url empty: none
  Duration wait_limit = std::chrono::minutes(10);  // for a stream to be live; 0: it must be
  peer::DetourOptions detours{};                   // policy and servers
  bool whip_record = true;

  bool resume = true;
  Duration resume_limit = std::chrono::hours(1);
  ByteSize min_free{std::uint64_t{1} << 30};
  double admission_limit = 0.85;  // 0: no limit
};

}  // namespace holdfast::control

#pragma once

#include <string>

#include "control/media_source.hpp"

namespace holdfast::control {

// Where the media of a WHIP recording comes from: the publisher dials to us, so all that there is to know is
// who it is. Control thread.
class WhipSource final : public MediaSource {
 public:
  void leave() override {}
  void handle_media_lost() override { connected = false; }
  WhipSource* whip() override { return this; }

  std::string session_id;  // of the present publisher; empty: of none yet, after a restart
  bool connected = false;
};

}  // namespace holdfast::control

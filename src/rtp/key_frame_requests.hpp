#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace holdfast::rtp {

enum class Holes : std::uint8_t { none, open };

// When to ask a video sender for a key frame (PLI). Three causes:
//  - none has come yet: from 500 ms after the first packet, since a stream normally begins with one;
//  - a packet was given up: at once;
//  - none came for `interval` though media flows and no hole is open (browsers send key frames only when
//  asked).
// Sparing: after a PLI a LiveKit server answers no NACK for the track until the key frame. So a request is
// repeated after 500 ms, 1 s and then every 2 s while the first key frame is awaited, later after 1.2 s and
// then every 2 s, and the third cause waits 2 s after any request.
class KeyFrameRequests {
 public:
  // `interval` 0: never by time.
  explicit KeyFrameRequests(Duration interval) : interval_(interval) {}

  void handle_packet(Instant now);
  // A packet was given up, or the caller cannot go on without a key frame.
  void handle_loss(Instant now);
  // A whole key frame came.
  void handle_key_frame(Instant now);

  // When the next request is due; `never` if none is.
  Instant due(Holes holes) const;
  void handle_sent(Instant now);

 private:
  Duration spacing() const;

  Duration interval_;
  bool started_ = false;
  bool had_key_frame_ = false;
  Instant last_packet_;
  Instant last_key_frame_;         // or the first packet
  std::optional<Instant> wanted_;  // from when on one is needed
  std::optional<Instant> last_sent_;
  int unanswered_ = 0;  // requests since the last key frame, counted to 3
};

}  // namespace holdfast::rtp

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "media/frame.hpp"

namespace holdfast::livekit {

namespace wire {
class Participant;
class Track;
}  // namespace wire

enum class Source : std::uint8_t { unknown, camera, microphone, screen_share, screen_share_audio };
std::string_view to_string(Source source);

// An audio or video track as the server announces it.
struct Track {
  std::string sid;              // "TR_...": the second token of msid in the SDP, and mid_to_track in an offer
  std::string participant_sid;  // changes when the publisher joins anew
  std::string identity;         // stays
  media::Kind kind = media::Kind::video;
  Source source = Source::unknown;
  std::string mime;                         // as announced: "video/H264"
  media::Codec codec = media::Codec::h264;  // what we shall receive; meaningless if refused
  bool muted = false;
  int width = 0;  // as announced by the publisher, 0 if not
  int height = 0;
  std::string refusal;  // why it cannot be recorded, naming the track; empty: it can

  bool can_record() const { return refusal.empty(); }
  bool operator==(const Track&) const = default;
};

// "video track TR_abc (camera) of alice", for messages.
std::string describe(const Track& track);

// nullopt: a data track. A track that is encrypted end to end, or whose codec is not in media::codecs, has a
// refusal.
std::optional<Track> read_track(const wire::Participant& participant, const wire::Track& track);

// Which of one participant's tracks to record; null: none. Video: camera, then screen share. Audio:
// microphone; the sound of a screen share only if there is no microphone, and the chosen video is the screen
// share or there is none. Among equals `current` (a sid) stays, then the one announced first.
const Track* choose_video(std::span<const Track> tracks, std::string_view current);
const Track* choose_audio(std::span<const Track> tracks, const Track* video, std::string_view current);

}  // namespace holdfast::livekit

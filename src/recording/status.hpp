#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "container/muxer.hpp"
#include "journal/reasons.hpp"
#include "media/frame.hpp"
#include "rtp/ledger.hpp"

namespace holdfast::recording {

enum class State : std::uint8_t {
  waiting,     // the stream is not live yet
  connecting,  // joining, or no first key frame yet
  recording,
  gap,         // live, but no media comes
  finalizing,  // the file is whole, background work (faststart) goes on
  stopped,
  failed,
};
std::string_view to_string(State state);
// waiting, connecting, recording or gap.
bool is_active(State state);

enum class AudioMode : std::uint8_t { aac, copy };
std::string_view to_string(AudioMode mode);
std::optional<AudioMode> parse_audio_mode(std::string_view name);

// What becomes of video frames that follow a lost one, up to the next key frame: they may not look right.
enum class DamageMode : std::uint8_t { keep, drop };
std::string_view to_string(DamageMode mode);
std::optional<DamageMode> parse_damage_mode(std::string_view name);

enum class VideoQuality : std::uint8_t { low, medium, high };
std::string_view to_string(VideoQuality quality);
std::optional<VideoQuality> parse_video_quality(std::string_view name);

// Of one track: expected = written + lost + dropped + pending, at any instant.
struct PacketCounts {
  std::uint64_t expected = 0;   // from the first sequence number to the highest seen
  std::uint64_t written = 0;    // in frames handed to the container
  std::uint64_t lost = 0;       // never came within the recovery window
  std::uint64_t dropped = 0;    // came, but belonged to nothing whole, or could not be stored
  std::uint64_t pending = 0;    // missing and still awaited, or received and part of a frame not yet whole
  std::uint64_t recovered = 0;  // did not come by themselves (of written, dropped or pending): those ...
  std::uint64_t recovered_nack = 0;  // ... sent again because we asked
  std::uint64_t recovered_rtx = 0;   // ... the same, under an SSRC of their own (RFC 4588)
  std::uint64_t recovered_red = 0;   // ... rebuilt from redundancy (RFC 2198)
  std::uint64_t duplicates = 0;      // not part of the sum, as is
  std::uint64_t late = 0;            // what came after it was given up
  std::array<std::uint64_t, rtp::drop_causes> dropped_by{};  // cause
};
// As the journal and the API say it; `index` in PacketCounts::dropped_by.
std::string_view drop_cause_name(std::size_t index);

struct TrackStatus {
  media::Kind kind = media::Kind::video;
  media::Codec codec = media::Codec::h264;  // as received
  media::Codec written_as = media::Codec::h264;
  int width = 0;
  int height = 0;
  int sample_rate = 0;
  int channels = 0;
  bool muted = false;
  std::uint64_t frames = 0;
  std::uint64_t filler_frames = 0;
  std::uint64_t frames_lost = 0;     // begun or known to be missing, and never whole
  std::uint64_t frames_damaged = 0;  // followed a lost one, before the next key frame: kept or dropped
  PacketCounts packets;
};

// A snapshot of one recording: what the API and the metrics show. A plain value; copied between threads.
struct Status {
  std::string recording_id;
  std::string mint_id;
  std::string participant;  // identity being recorded, empty while unknown
  State state = State::waiting;
  container::Format format = container::Format::mpegts;  // format_used
  std::string format_note;                               // why it is not the one asked for, or empty
  std::vector<std::string> output_paths;                 // one a part, the newest last
  std::optional<WallTime> start_time;                    // of the recording: when it was asked for
  Duration duration{};                                   // of media written, on the recording's timeline
  std::uint64_t file_size_bytes = 0;                     // all parts
  std::vector<TrackStatus> tracks;
  std::string error;                             // empty unless failed, or a warning the user must read
  std::optional<journal::EndReason> end_reason;  // once it has ended
  std::uint64_t gaps = 0;                        // so far, the present one too
  Duration gap_time{};                           // of all of them
  std::string gap_cause;                         // in state gap: "network", "left" or "server"
  // For the metrics.
  Duration since_last_packet{};  // while live
  double write_rate = 0;         // bytes/s over the last second
};

}  // namespace holdfast::recording

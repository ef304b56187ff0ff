#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "media/codec.hpp"

namespace holdfast::media {

// Media time in ticks of 90 kHz, the clock of MPEG-TS and of every RTP video format. Opus frames (2.5 ms and
// up) and AAC frames at 48 kHz (1,024 samples) are whole numbers of ticks. 64 bits never wrap; wrapping to 33
// bits is the muxer's work.
using Ticks = std::int64_t;
inline constexpr Ticks ticks_per_second = 90'000;

constexpr Ticks to_ticks(Duration duration) {
  // Split, so that a duration of years does not overflow.
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  const Duration rest = duration - seconds;
  return seconds.count() * ticks_per_second + rest.count() * 9 / 100'000;
}
constexpr Duration to_duration(Ticks ticks) {
  const Ticks seconds = ticks / ticks_per_second;
  return std::chrono::seconds(seconds) + Duration((ticks - seconds * ticks_per_second) * 100'000 / 9);
}

// What a track is, as far as a container must know before the first frame.
struct TrackFormat {
  Codec codec = Codec::h264;
  // Video: pixels, 0 while unknown (no parameter set or key frame seen yet).
  int width = 0;
  int height = 0;
  // Audio: Hz and channels. Opus is always 48,000.
  int sample_rate = 0;
  int channels = 0;
  // H.264: SPS and PPS as Annex B with 4-byte start codes. AAC: AudioSpecificConfig. Opus and VP8: empty.
  ByteVector config;

  Kind kind() const { return kind_of(codec); }
  bool operator==(const TrackFormat&) const = default;
};

// Index of a track within a recording's part, in the order in which the muxer was told the formats.
using TrackIndex = std::uint8_t;

enum class Picture : std::uint8_t { delta, key };  // audio frames are all `key`
enum class Damage : std::uint8_t {
  none,
  reference_lost
};  // reference_lost: follows a lost frame, before the next key frame
enum class Origin : std::uint8_t { stream, filler };  // filler: silence or a repeated picture that we made

// One coded frame on the recording's timeline. The payload is borrowed for the call that passes the frame.
struct Frame {
  TrackIndex track = 0;
  Codec codec = Codec::h264;
  Ticks pts = 0;       // >= dts
  Ticks dts = 0;       // strictly rising within a track
  Ticks duration = 0;  // 0: not known (video)
  Picture picture = Picture::delta;
  Damage damage = Damage::none;
  Origin origin = Origin::stream;
  // RTP packets that carried it: what the ledger counts as written once the frame is. 0 for filler.
  std::uint32_t packets = 0;
  // H.264: an access unit as Annex B with 4-byte start codes. VP8, Opus: the bare frame. AAC: a
  // raw_data_block without ADTS.
  Bytes payload;
};

}  // namespace holdfast::media

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace holdfast::media {

enum class Kind : std::uint8_t { audio, video };
// "audio", "video".
std::string_view to_string(Kind kind);

// In the order of the table below.
enum class Codec : std::uint8_t { h264, vp8, opus, aac };

// What holds for a codec wherever it occurs. What its frames look like is in codec/, what a container makes
// of them in container/.
struct CodecInfo {
  Codec codec;
  Kind kind;
  // In the API, the journal and the configuration; of a codec with an RTP format also its encoding name, in
  // lower case.
  std::string_view name;
  std::uint32_t rtp_clock_rate;  // Hz; 0: Holdfast does not take it by RTP
  std::string_view
      media_type;  // of its RTP format, in lower case, as LiveKit announces a track; may be empty
};
inline constexpr std::array codecs{
    CodecInfo{Codec::h264, Kind::video, "h264", 90'000, "video/h264"},  // RFC 6184
    CodecInfo{Codec::vp8, Kind::video, "vp8", 90'000, "video/vp8"},     // RFC 7741
    CodecInfo{Codec::opus, Kind::audio, "opus", 48'000, "audio/opus"},  // RFC 7587
    CodecInfo{Codec::aac, Kind::audio, "aac", 0, ""},
};

constexpr const CodecInfo& info_of(Codec codec) {
  return codecs[std::to_underlying(codec)];
}
static_assert([] {
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    if (info_of(static_cast<Codec>(i)).codec != static_cast<Codec>(i)) return false;
  }
  return true;
}());

constexpr Kind kind_of(Codec codec) {
  return info_of(codec).kind;
}
constexpr std::string_view to_string(Codec codec) {
  return info_of(codec).name;
}
// By name, in lower case.
std::optional<Codec> parse_codec(std::string_view name);

}  // namespace holdfast::media

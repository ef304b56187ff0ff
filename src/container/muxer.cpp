#include "container/muxer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "container/libav_muxer.hpp"
#include "container/mpegts_muxer.hpp"

namespace holdfast::container {

std::string_view to_string(Format format) {
  switch (format) {
    case Format::mpegts:
      return "mpegts";
    case Format::mp4:
      return "mp4";
    case Format::mkv:
      return "mkv";
  }
  std::unreachable();
}

std::optional<Format> parse_format(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Format>, 5> names = {{
      {"mpegts", Format::mpegts},
      {"ts", Format::mpegts},
      {"mp4", Format::mp4},
      {"mkv", Format::mkv},
      {"matroska", Format::mkv},
  }};
  for (const auto& [known, format] : names) {
    if (name == known) return format;
  }
  return std::nullopt;
}

std::string_view file_extension(Format format) {
  return format == Format::mpegts ? "ts" : to_string(format);
}

// A codec that is not listed is not taken. FFmpeg 5.1 writes VP8 into neither MPEG-TS nor MP4, and no player
// expects it there.
std::span<const media::Codec> codecs_of(Format format) {
  using media::Codec;
  static constexpr std::array mpegts{Codec::h264, Codec::opus, Codec::aac};
  static constexpr std::array mp4{Codec::h264, Codec::opus, Codec::aac};
  static constexpr std::array mkv{Codec::h264, Codec::vp8, Codec::opus, Codec::aac};
  switch (format) {
    case Format::mpegts:
      return mpegts;
    case Format::mp4:
      return mp4;
    case Format::mkv:
      return mkv;
  }
  std::unreachable();
}

bool can_hold(Format format, media::Codec codec) {
  return std::ranges::find(codecs_of(format), codec) != codecs_of(format).end();
}

Result<std::unique_ptr<Muxer>> make_muxer(Format format, const std::vector<media::TrackFormat>& tracks) {
  if (format == Format::mpegts) return MpegTsMuxer::create(tracks);
  return LibavMuxer::create(format, tracks);
}

}  // namespace holdfast::container

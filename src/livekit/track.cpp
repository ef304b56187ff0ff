#include "livekit/track.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

Source read_source(wire::Track::Source source) {
  switch (source) {
    case wire::Track::CAMERA:
      return Source::camera;
    case wire::Track::MICROPHONE:
      return Source::microphone;
    case wire::Track::SCREEN_SHARE:
      return Source::screen_share;
    case wire::Track::SCREEN_SHARE_AUDIO:
      return Source::screen_share_audio;
    default:
      return Source::unknown;
  }
}

std::optional<media::Codec> codec_of(const std::string& mime) {
  // The server takes RED (RFC 2198) apart for whoever does not accept it.
  if (equals_ignoring_case(mime, "audio/red")) return media::Codec::opus;
  for (const media::CodecInfo& info : media::codecs) {
    if (info.rtp_clock_rate > 0 && equals_ignoring_case(mime, info.media_type)) return info.codec;
  }
  return std::nullopt;
}

// The codec announced, or else a backup codec that the publisher is ready to send.
std::optional<media::Codec> takeable_codec(const wire::Track& track) {
  if (const auto codec = codec_of(track.mime_type())) return codec;
  for (const wire::SimulcastCodec& other : track.codecs()) {
    if (const auto codec = codec_of(other.mime_type())) return codec;
  }
  return std::nullopt;
}

// Publishers choose these numbers; no picture is larger.
int read_size(std::uint32_t pixels) {
  return static_cast<int>(std::min<std::uint32_t>(pixels, 65'535));
}

// Lower is better; none: not to be chosen.
constexpr int not_eligible = 100;

int rank_video(Source source) {
  switch (source) {
    case Source::camera:
      return 0;
    case Source::screen_share:
      return 1;
    default:
      return 2;
  }
}

int rank_audio(Source source, const Track* video) {
  switch (source) {
    case Source::microphone:
      return 0;
    case Source::screen_share_audio:
      return video == nullptr || video->source == Source::screen_share ? 2 : not_eligible;
    default:
      return 1;
  }
}

template <typename Rank>
const Track* choose(std::span<const Track> tracks, media::Kind kind, std::string_view current, Rank rank) {
  const Track* best = nullptr;
  int best_rank = not_eligible;
  for (const Track& track : tracks) {
    if (track.kind != kind || !track.can_record()) continue;
    const int its_rank = rank(track.source);
    if (its_rank < best_rank || (its_rank == best_rank && best != nullptr && track.sid == current)) {
      best = &track;
      best_rank = its_rank;
    }
  }
  return best;
}

}  // namespace

std::string_view to_string(Source source) {
  switch (source) {
    case Source::unknown:
      return "unknown";
    case Source::camera:
      return "camera";
    case Source::microphone:
      return "microphone";
    case Source::screen_share:
      return "screen_share";
    case Source::screen_share_audio:
      return "screen_share_audio";
  }
  return "unknown";
}

std::string describe(const Track& track) {
  return fmt::format("{} track {} ({}) of {}", media::to_string(track.kind), track.sid,
                     to_string(track.source), track.identity);
}

std::optional<Track> read_track(const wire::Participant& participant, const wire::Track& track) {
  if (track.type() != wire::Track::AUDIO && track.type() != wire::Track::VIDEO) return std::nullopt;
  if (track.sid().empty()) return std::nullopt;
  Track result;
  result.sid = track.sid();
  result.participant_sid = participant.sid();
  result.identity = participant.identity();
  result.kind = track.type() == wire::Track::AUDIO ? media::Kind::audio : media::Kind::video;
  result.source = read_source(track.source());
  result.mime = track.mime_type();
  result.muted = track.muted();
  result.width = read_size(track.width());
  result.height = read_size(track.height());

  const auto refuse = [&](std::string_view why) {
    result.refusal = fmt::format("{}: {}", describe(result), why);
  };
  const auto codec = takeable_codec(track);
  if (track.encryption() != wire::Track::NONE) {
    refuse("it is end-to-end encrypted, which is not supported");
  } else if (!codec || media::kind_of(*codec) != result.kind) {
    refuse(fmt::format("its codec {} is not supported", result.mime.empty() ? "(not named)" : result.mime));
  } else {
    result.codec = *codec;
  }
  return result;
}

const Track* choose_video(std::span<const Track> tracks, std::string_view current) {
  return choose(tracks, media::Kind::video, current, rank_video);
}

const Track* choose_audio(std::span<const Track> tracks, const Track* video, std::string_view current) {
  return choose(tracks, media::Kind::audio, current,
                [&](Source source) { return rank_audio(source, video); });
}

}  // namespace holdfast::livekit

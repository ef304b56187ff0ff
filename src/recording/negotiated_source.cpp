#include "recording/negotiated_source.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::recording {

sdp::Kind sdp_kind(media::Kind kind) {
  return kind == media::Kind::audio ? sdp::Kind::audio : sdp::Kind::video;
}

TrackSource make_source(const sdp::MediaSection& section, Ssrc ssrc, std::optional<Ssrc> rtx_ssrc,
                        Nack nack) {
  TrackSource source;
  source.track_id = section.track_id;
  source.ssrc = ssrc;
  source.retransmission = nack == Nack::always ? rtp::ReceiveStream::Retransmission::nack
                                               : rtp::ReceiveStream::Retransmission::none;
  rtp::Rtx rtx;
  for (const sdp::NegotiatedCodec& codec : section.codecs) {
    if (const auto known = media::parse_codec(codec.name))
      source.codecs.push_back({codec.payload_type, *known});
    if (codec.rtx) rtx.types.push_back({*codec.rtx, codec.payload_type});
    if (std::ranges::find(codec.feedback, "nack") != codec.feedback.end()) {
      source.retransmission = rtp::ReceiveStream::Retransmission::nack;
    }
  }
  const auto red = std::ranges::find(section.codecs, "red", &sdp::NegotiatedCodec::name);
  const auto opus = std::ranges::find(section.codecs, "opus", &sdp::NegotiatedCodec::name);
  if (red != section.codecs.end() && opus != section.codecs.end())
    source.red = {red->payload_type, opus->payload_type};
  if (!rtx.types.empty()) {
    rtx.ssrc = rtx_ssrc;
    source.rtx = std::move(rtx);
  }
  return source;
}

// One connection, one sequence: the m-lines agree on the id (RFC 8843 section 9.2).
std::uint8_t transport_id(const std::vector<sdp::MediaSection>& sections) {
  for (const sdp::MediaSection& section : sections) {
    for (const sdp::Extension& extension : section.extensions) {
      if (extension.uri == sdp::transport_cc_uri) return extension.id;
    }
  }
  return 0;
}

}  // namespace holdfast::recording

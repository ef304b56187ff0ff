#include <algorithm>

#include "base/text.hpp"
#include "sdp/section.hpp"

namespace holdfast::sdp {
namespace {

MediaDescription describe_track(const OfferedTrack& track) {
  MediaDescription media;
  media.mid = track.mid;
  if (track.kind == Kind::application) {
    media.media = "application";
    media.protocol = "UDP/DTLS/SCTP";
    media.formats = "webrtc-datachannel";
    media.sctp_port = 5000;
    return media;
  }
  media.media = track.kind == Kind::audio ? "audio" : "video";
  media.protocol = "UDP/TLS/RTP/SAVPF";
  media.direction = track.direction;
  media.rtcp_mux = true;
  media.rtcp_rsize = true;
  media.codecs = track.codecs;
  if (track.direction == Direction::inactive) return media;
  media.msid = track.msid;
  media.ssrcs.push_back({track.ssrc, track.cname, {}});
  if (track.rtx) {
    media.ssrcs.push_back({*track.rtx, track.cname, {}});
    media.ssrc_groups.push_back({"FID", {track.ssrc, *track.rtx}});
  }
  return media;
}

// The codecs of both sides, in the answer's order; the numbers are the offer's (RFC 3264 section 6.1).
void choose_codecs(const MediaDescription& offered, const MediaDescription& answered, MediaSection& section) {
  for (const Codec& codec : answered.codecs) {
    const Codec* ours = offered.find_codec(codec.payload_type);
    if (ours == nullptr || is_rtx(*ours) || !equals_ignoring_case(ours->encoding, codec.encoding)) continue;
    NegotiatedCodec chosen{*ours, lower_case(ours->encoding), find_rtx(answered, codec.payload_type)};
    chosen.feedback = codec.feedback;
    section.codecs.push_back(std::move(chosen));
  }
  for (const Codec& codec : offered.codecs) {
    if (!is_rtx(codec) && section.find_codec(codec.payload_type) == nullptr) {
      section.rejected_codecs.push_back(codec.encoding);
    }
  }
}

MediaSection conclude(const MediaDescription& offered, const MediaDescription& answered) {
  MediaSection section = section_of(offered);
  choose_codecs(offered, answered, section);
  if (answered.port == 0) {
    section.rejection = "refused by the other side";
  } else if (section.kind != Kind::application && section.codecs.empty()) {
    section.rejection = "the other side accepted none of the offered codecs";
  } else if (answered.direction == Direction::recvonly || answered.direction == Direction::sendrecv) {
    section.direction = Direction::sendonly;
  }
  return section;
}

}  // namespace

const NegotiatedCodec* MediaSection::find_codec(PayloadType payload_type) const {
  const auto found = std::ranges::find(codecs, payload_type, &NegotiatedCodec::payload_type);
  return found == codecs.end() ? nullptr : &*found;
}

Codec h264_codec() {
  return {PayloadType(102),
          "H264",
          90'000,
          0,
          "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
          {"nack", "nack pli", "ccm fir"}};
}

Codec vp8_codec() {
  return {PayloadType(96), "VP8", 90'000, 0, "", {"nack", "nack pli", "ccm fir"}};
}

Codec opus_codec() {
  return {PayloadType(111), "opus", 48'000, 2, "minptime=10;useinbandfec=1", {"nack"}};
}

Codec rtx_codec(const Codec& codec) {
  const int payload_type = codec.payload_type.value();
  return {PayloadType(static_cast<std::uint8_t>(payload_type + 1)),
          "rtx",
          codec.clock_rate,
          0,
          fmt::format("apt={}", payload_type),
          {}};
}

SessionDescription make_offer(const std::vector<OfferedTrack>& tracks, const LocalTransport& local) {
  SessionDescription offer;
  offer.session_id = local.session_id;
  offer.session_version = local.session_version;
  offer.bundles.emplace_back();
  for (const OfferedTrack& track : tracks) {
    offer.bundles.front().push_back(track.mid);
    offer.media.push_back(describe_track(track));
    offer.media.back().transport = describe(local, Setup::actpass, offer.media.size() == 1);
  }
  return offer;
}

Result<AcceptedAnswer> read_answer(const SessionDescription& offer, const SessionDescription& answer) {
  const auto same_line = [](const MediaDescription& a, const MediaDescription& b) {
    return a.media == b.media && (a.mid == b.mid || b.port == 0);
  };
  if (!std::ranges::equal(offer.media, answer.media, same_line)) {
    return fail(ErrorCode::invalid, "the m-lines of the answer differ from those of the offer");
  }
  AcceptedAnswer accepted;
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    accepted.sections.push_back(conclude(offer.media[i], answer.media[i]));
  }
  if (std::ranges::all_of(accepted.sections,
                          [](const auto& section) { return !section.rejection.empty(); })) {
    return fail(ErrorCode::refused, "the other side refused all media of the offer");
  }
  auto remote = remote_transport_of(answer);
  if (!remote) return std::unexpected(remote.error());
  accepted.remote = std::move(*remote);
  switch (accepted.remote.transport.setup.value_or(Setup::actpass)) {
    case Setup::active:
      accepted.setup = Setup::passive;
      break;
    case Setup::passive:
      accepted.setup = Setup::active;
      break;
    default:
      return fail(ErrorCode::invalid, "the answer has neither a=setup:active nor a=setup:passive");
  }
  return accepted;
}

}  // namespace holdfast::sdp

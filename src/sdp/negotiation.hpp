#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/strong.hpp"
#include "sdp/description.hpp"

namespace holdfast::sdp {

enum class Kind : std::uint8_t { audio, video, application, other };

// A payload type both sides keep.
struct NegotiatedCodec : Codec {
  std::string name;  // as AnswerPolicy names it: "h264", "vp8", "opus"; "red"
  std::optional<PayloadType> rtx;

  bool operator==(const NegotiatedCodec&) const = default;
};

// One media SSRC of an m-line, with the SSRC its retransmissions come on.
struct Source {
  Ssrc ssrc;
  std::optional<Ssrc> rtx;
  std::string cname;

  bool operator==(const Source&) const = default;
};

// What an offer and an answer came to for one m-line.
//
// Bind streams by (track_id, SSRC): a LiveKit server reuses an inactive m-line, with its mid, for another
// track. An m-line may list no sources at all (GStreamer, or a browser's simulcast): then tell streams apart
// by payload type.
struct MediaSection {
  std::string mid;
  Kind kind = Kind::other;
  Direction direction = Direction::inactive;  // ours: recvonly, sendonly or inactive
  std::string stream_id;                      // of the side that sends; empty: none
  std::string track_id;                       // with LiveKit always the track's SID (TR_...)
  std::vector<NegotiatedCodec>
      codecs;                   // in the offer's order, which a LiveKit server shuffles: it means nothing
  std::vector<Source> sources;  // of the side that sends
  std::vector<Extension> extensions;
  std::vector<std::string> rejected_codecs;  // offered, and left out by us: "VP9", "AV1", each once
  std::string rejection;                     // why the whole m-line was refused; empty: it was accepted

  const NegotiatedCodec* find_codec(PayloadType payload_type) const;

  bool operator==(const MediaSection&) const = default;
};

inline constexpr std::string_view transport_cc_uri =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
// Whether transport-wide congestion control is taken where it is offered, feedback and header extension both.
enum class TransportCc : std::uint8_t { off, on };

// When Opus with redundancy (RFC 2198) is taken: never, or where the offer has no NACK for Opus. With a
// LiveKit server that is so once a publisher sends RED; without it resends are the better help, for a lost
// packet may come again three times, and the redundancy that the server makes itself it does not resend.
enum class Red : std::uint8_t { never, without_nack };

// The encoding names, in lower case, of all codecs in media::codecs that have an RTP format.
std::vector<std::string> all_encodings();

// What a receiver takes of an offer.
struct AnswerPolicy {
  std::vector<std::string> codecs = all_encodings();  // of those in media::codecs
  Setup setup = Setup::active;  // when the offer leaves it to us (actpass): active or passive
  TransportCc transport_cc = TransportCc::off;
  Red red = Red::without_nack;
};

// Our side of the connection, the same in all m-lines.
struct LocalTransport {
  std::uint64_t session_id = 0;
  std::uint64_t session_version = 0;
  std::string ice_ufrag;
  std::string ice_pwd;
  std::string fingerprint;              // "sha-256 AB:CD:..."
  std::vector<std::string> candidates;  // "candidate:...": all we have, none will follow
};

// The other side of the connection.
struct RemoteTransport {
  Transport transport;  // of the m-line that carries the bundle
  bool ice_lite = false;
};

struct Answer {
  SessionDescription description;
  std::vector<MediaSection> sections;  // one an m-line, in order
  RemoteTransport remote;
  Setup setup = Setup::active;  // what we answered: active or passive
};

// The receiver's answer to an offer (RFC 8829 section 5.3.1): every m-line is kept in its place with its mid.
//
// One transport carries everything, so an m-line outside the first BUNDLE group is refused (port 0), as is
// one without rtcp-mux or without a codec we take; MediaSection::rejection says why. Codecs and feedback we
// do not take are left out; a data channel is accepted, so that a connection that so far has nothing else
// comes up. Errors: invalid (no ICE credentials, no fingerprint, no m-line), unsupported (nothing in it that
// we can take).
Result<Answer> make_answer(const SessionDescription& offer, const AnswerPolicy& policy,
                           const LocalTransport& local);

// A track that a publisher sends; or, where the kind is application, a data channel, which has a mid only.
struct OfferedTrack {
  Kind kind = Kind::video;
  Direction direction = Direction::sendonly;  // inactive: the m-line of a track that ended; it has no msid
  std::string mid;
  Msid msid;
  std::string cname;
  Ssrc ssrc;
  std::optional<Ssrc> rtx;    // present exactly if `codecs` has RTX payload types
  std::vector<Codec> codecs;  // in order of preference, RTX payload types among them
};

// What this program's publisher can send: H.264 constrained baseline, mode 1 (102, RTX 103); VP8 (96, RTX
// 97); Opus (111).
Codec h264_codec();
Codec vp8_codec();
Codec opus_codec();
// The RTX payload type that goes with `codec`: its number + 1. RFC 4588 section 8.6.
Codec rtx_codec(const Codec& codec);

// A sender's offer (RFC 9725 section 4.2): all tracks bundled, actpass.
SessionDescription make_offer(const std::vector<OfferedTrack>& tracks, const LocalTransport& local);

struct AcceptedAnswer {
  std::vector<MediaSection> sections;
  RemoteTransport remote;
  Setup setup = Setup::active;  // ours: the opposite of what the answer says
};

// Reads the answer to our own offer. Codecs are those of both, in the answer's order: send with the first.
// Errors: invalid (other m-lines than offered, no ICE credentials or fingerprint), refused (not one m-line
// accepted).
Result<AcceptedAnswer> read_answer(const SessionDescription& offer, const SessionDescription& answer);

}  // namespace holdfast::sdp

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/strong.hpp"

namespace holdfast::sdp {

// Which way media flows, seen from the side that wrote the description. RFC 8866 section 6.7.
enum class Direction : std::uint8_t { sendrecv, sendonly, recvonly, inactive };

// Who opens the DTLS association. RFC 8842 section 5.1.
enum class Setup : std::uint8_t { actpass, active, passive, holdconn };

// One payload type of an m-line: its rtpmap, fmtp and rtcp-fb lines.
struct Codec {
  PayloadType payload_type;
  // "H264", "rtx"; compared without regard to case. Empty: no rtpmap (a static payload type).
  std::string encoding;
  std::uint32_t clock_rate = 0;       // Hz
  std::uint32_t channels = 0;         // 0: not written
  std::string fmtp;                   // "a=1;b=2", or empty
  std::vector<std::string> feedback;  // "nack", "nack pli", "ccm fir", "transport-cc"

  bool operator==(const Codec&) const = default;
};

// An RTP header extension. RFC 8285 section 5.
struct Extension {
  std::uint8_t id = 0;  // 1..255
  std::string uri;

  bool operator==(const Extension&) const = default;
};

// A media stream and a track within it. RFC 8830. A stream of "-" means none.
struct Msid {
  std::string stream;
  std::string track;

  bool operator==(const Msid&) const = default;
};

// The a=ssrc lines of one SSRC. RFC 5576 section 4.1.
struct SsrcDescription {
  Ssrc ssrc;
  std::string cname;
  std::optional<Msid> msid;  // the older form of a=msid

  bool operator==(const SsrcDescription&) const = default;
};

// "FID": a media SSRC and its RTX SSRC; "SIM": simulcast layers. RFC 5576 section 4.2.
struct SsrcGroup {
  std::string semantics;
  std::vector<Ssrc> ssrcs;

  bool operator==(const SsrcGroup&) const = default;
};

// An attribute that we do not read: kept, so that a description can be looked at and written again.
struct Attribute {
  std::string name;
  std::string value;  // empty: a flag

  bool operator==(const Attribute&) const = default;
};

// How to reach and to know the side that wrote the description: ICE and DTLS. RFC 8839, RFC 8122, RFC 8842.
struct Transport {
  std::string ice_ufrag;
  std::string ice_pwd;
  std::string ice_options;                // "trickle", or empty
  std::vector<std::string> fingerprints;  // "sha-256 AB:CD:..."; more than one: any may match
  std::optional<Setup> setup;
  std::vector<std::string> candidates;  // "candidate:..." as written: ICE is the one who reads them
  bool end_of_candidates = false;

  bool operator==(const Transport&) const = default;
};

// One m-line and what belongs to it. What a description says once for all m-lines (a fingerprint, a
// direction) is found here too: parse() hands session-level values down.
struct MediaDescription {
  std::string media;          // "audio", "video", "application"
  std::uint16_t port = 9;     // 0: rejected, unless bundle_only
  std::string protocol;       // "UDP/TLS/RTP/SAVPF"
  std::vector<Codec> codecs;  // RTP: the payload types in the order of the m-line
  std::string formats;        // else: the m-line's format list, "webrtc-datachannel"
  std::string mid;            // RFC 5888
  Direction direction = Direction::sendrecv;
  Transport transport;
  bool rtcp_mux = false;
  bool rtcp_rsize = false;
  bool bundle_only = false;
  std::optional<Msid> msid;
  std::vector<Extension> extensions;
  std::vector<SsrcDescription> ssrcs;
  std::vector<SsrcGroup> ssrc_groups;
  std::optional<std::uint32_t> sctp_port;
  std::optional<std::uint64_t> max_message_size;  // bytes
  std::vector<Attribute> other;                   // rid, simulcast, ...

  bool is_rtp() const;           // any profile of RTP
  bool is_data_channel() const;  // SCTP over DTLS, RFC 8841
  const Codec* find_codec(PayloadType payload_type) const;

  bool operator==(const MediaDescription&) const = default;
};

// A session description: RFC 8866 as WebRTC uses it (RFC 8829). A plain value.
struct SessionDescription {
  std::uint64_t session_id = 0;       // below 2^63
  std::uint64_t session_version = 0;  // grows with each description of one session
  bool ice_lite = false;
  bool extmap_allow_mixed = false;
  std::vector<std::vector<std::string>> bundles;  // mids of each a=group:BUNDLE; RFC 8843
  std::vector<Attribute> other;
  std::vector<MediaDescription> media;

  bool operator==(const SessionDescription&) const = default;
};

// Limits on hostile text: past them parse() fails.
inline constexpr std::size_t max_text_bytes = 1 << 20;
inline constexpr std::size_t max_media_sections = 1024;
inline constexpr std::size_t max_lines_per_list = 256;  // candidates, SSRCs, extensions, ... of one m-line

// Reads a description; lines may end in CRLF or LF. Errors: ErrorCode::invalid naming the line. Attributes we
// do not know are kept in `other`; one we do know but cannot read is an error.
Result<SessionDescription> parse(std::string_view text);

// With CRLF, as RFC 8866 wants it. parse(serialize(d)) == d for every d that parse() gave.
std::string serialize(const SessionDescription& description);

std::string_view to_string(Direction direction);
std::string_view to_string(Setup setup);

// The value of one parameter of an fmtp line: fmtp_parameter("apt=96;rtx-time=3000", "apt") is "96". Empty:
// not there.
std::string_view fmtp_parameter(std::string_view fmtp, std::string_view name);

}  // namespace holdfast::sdp

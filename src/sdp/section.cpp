#include "sdp/section.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace holdfast::sdp {
namespace {

Kind kind_of(const MediaDescription& media) {
  if (media.is_data_channel()) return Kind::application;
  if (media.media == "audio") return Kind::audio;
  if (media.media == "video") return Kind::video;
  return Kind::other;
}

// An SSRC that only repairs another, rather than being a source of its own.
bool is_repair(const MediaDescription& media, Ssrc ssrc) {
  return std::ranges::any_of(media.ssrc_groups, [&](const SsrcGroup& group) {
    return (group.semantics == "FID" || group.semantics == "FEC-FR") && group.ssrcs.size() == 2 &&
           group.ssrcs[1] == ssrc;
  });
}

std::optional<Ssrc> find_rtx_ssrc(const MediaDescription& media, Ssrc ssrc) {
  for (const auto& [semantics, ssrcs] : media.ssrc_groups) {
    if (semantics == "FID" && ssrcs.size() == 2 && ssrcs[0] == ssrc) return ssrcs[1];
  }
  return std::nullopt;
}

}  // namespace

MediaSection section_of(const MediaDescription& sender) {
  MediaSection section;
  section.mid = sender.mid;
  section.kind = kind_of(sender);
  std::optional<Msid> msid = sender.msid;
  for (const auto& [ssrc, cname, ssrc_msid] : sender.ssrcs) {
    if (!msid) msid = ssrc_msid;
    if (!is_repair(sender, ssrc)) section.sources.push_back({ssrc, find_rtx_ssrc(sender, ssrc), cname});
  }
  if (msid) {
    section.stream_id = msid->stream == "-" ? "" : msid->stream;
    section.track_id = msid->track;
  }
  return section;
}

std::optional<PayloadType> find_rtx(const MediaDescription& media, PayloadType payload_type) {
  const std::string apt = fmt::to_string(payload_type.value());
  for (const Codec& codec : media.codecs) {
    if (is_rtx(codec) && fmtp_parameter(codec.fmtp, "apt") == apt) return codec.payload_type;
  }
  return std::nullopt;
}

bool is_rtx(const Codec& codec) {
  return equals_ignoring_case(codec.encoding, "rtx");
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_bundled(const SessionDescription& description, const MediaDescription& media) {
  if (description.bundles.empty()) return &media == &description.media.front();
  return !media.mid.empty() &&
         std::ranges::find(description.bundles.front(), media.mid) != description.bundles.front().end();
}

Result<RemoteTransport> remote_transport_of(const SessionDescription& description) {
  for (const MediaDescription& media : description.media) {
    const Transport& transport = media.transport;
    if (!is_bundled(description, media) || transport.ice_ufrag.empty()) continue;
    const std::size_t ufrag = transport.ice_ufrag.size();
    const std::size_t pwd = transport.ice_pwd.size();
    if (ufrag < 4 || ufrag > 256 || pwd < 22 || pwd > 256) {  // RFC 8839 section 5.4
      return fail(ErrorCode::invalid,
                  "the session description has an a=ice-ufrag of {} and an a=ice-pwd of {} characters, which "
                  "is not allowed (RFC 8839 section 5.4)",
                  ufrag, pwd);
    }
    if (transport.fingerprints.empty()) {
      return fail(ErrorCode::invalid, "the session description has no a=fingerprint");
    }
    return RemoteTransport{transport, description.ice_lite};
  }
  return fail(ErrorCode::invalid, "the session description has no a=ice-ufrag");
}

Transport describe(const LocalTransport& local, Setup setup, bool first) {
  Transport transport;
  transport.ice_ufrag = local.ice_ufrag;
  transport.ice_pwd = local.ice_pwd;
  transport.ice_options = "trickle";
  transport.fingerprints = {local.fingerprint};
  transport.setup = setup;
  if (first) {
    transport.candidates = local.candidates;
    transport.end_of_candidates = !local.candidates.empty();
  }
  return transport;
}

}  // namespace holdfast::sdp

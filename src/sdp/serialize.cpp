#include <fmt/format.h>

#include "sdp/description.hpp"

namespace holdfast::sdp {
namespace {

// Appends lines to one text.
class Writer {
 public:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...);
    text_ += "\r\n";
  }
  void flag(bool set, std::string_view name) {
    if (set) line("a={}", name);
  }
  void value(std::string_view name, std::string_view value) {
    if (!value.empty()) line("a={}:{}", name, value);
  }
  void attributes(const std::vector<Attribute>& attributes) {
    for (const auto& [name, value] : attributes) {
      value.empty() ? line("a={}", name) : line("a={}:{}", name, value);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string to_text(const Msid& msid) {
  return msid.track.empty() ? msid.stream : msid.stream + ' ' + msid.track;
}

std::string formats_of(const MediaDescription& media) {
  if (!media.is_rtp()) return media.formats;
  std::string formats;
  for (const Codec& codec : media.codecs) {
    if (!formats.empty()) formats += ' ';
    formats += fmt::to_string(codec.payload_type.value());
  }
  return formats;
}

void write_transport(Writer& out, const Transport& transport) {
  for (const std::string& candidate : transport.candidates) out.line("a={}", candidate);
  out.flag(transport.end_of_candidates, "end-of-candidates");
  out.value("ice-ufrag", transport.ice_ufrag);
  out.value("ice-pwd", transport.ice_pwd);
  out.value("ice-options", transport.ice_options);
  for (const std::string& fingerprint : transport.fingerprints) out.line("a=fingerprint:{}", fingerprint);
  if (transport.setup) out.value("setup", to_string(*transport.setup));
}

void write_codec(Writer& out, const Codec& codec) {
  const int payload_type = codec.payload_type.value();
  if (!codec.encoding.empty()) {
    const std::string channels = codec.channels == 0 ? "" : fmt::format("/{}", codec.channels);
    out.line("a=rtpmap:{} {}/{}{}", payload_type, codec.encoding, codec.clock_rate, channels);
  }
  for (const std::string& feedback : codec.feedback) out.line("a=rtcp-fb:{} {}", payload_type, feedback);
  if (!codec.fmtp.empty()) out.line("a=fmtp:{} {}", payload_type, codec.fmtp);
}

void write_sources(Writer& out, const MediaDescription& media) {
  for (const auto& [semantics, ssrcs] : media.ssrc_groups) {
    std::string members;
    for (const Ssrc ssrc : ssrcs) members += fmt::format(" {}", ssrc.value());
    out.line("a=ssrc-group:{}{}", semantics, members);
  }
  for (const auto& [ssrc, cname, msid] : media.ssrcs) {
    if (!cname.empty() || !msid) out.line("a=ssrc:{} cname:{}", ssrc.value(), cname);
    if (msid) out.line("a=ssrc:{} msid:{}", ssrc.value(), to_text(*msid));
  }
}

void write_media(Writer& out, const MediaDescription& media) {
  out.line("m={} {} {} {}", media.media, media.port, media.protocol, formats_of(media));
  out.line("c=IN IP4 0.0.0.0");
  write_transport(out, media.transport);
  out.value("mid", media.mid);
  out.flag(media.bundle_only, "bundle-only");
  for (const auto& [id, uri] : media.extensions) out.line("a=extmap:{} {}", id, uri);
  out.flag(media.is_rtp() || media.direction != Direction::sendrecv, to_string(media.direction));
  if (media.msid) out.value("msid", to_text(*media.msid));
  out.flag(media.rtcp_mux, "rtcp-mux");
  out.flag(media.rtcp_rsize, "rtcp-rsize");
  for (const Codec& codec : media.codecs) write_codec(out, codec);
  write_sources(out, media);
  if (media.sctp_port) out.line("a=sctp-port:{}", *media.sctp_port);
  if (media.max_message_size) out.line("a=max-message-size:{}", *media.max_message_size);
  out.attributes(media.other);
}

}  // namespace

std::string serialize(const SessionDescription& description) {
  Writer out;
  out.line("v=0");
  out.line("o=- {} {} IN IP4 127.0.0.1", description.session_id, description.session_version);
  out.line("s=-");
  out.line("t=0 0");
  for (const auto& mids : description.bundles) out.line("a=group:BUNDLE {}", fmt::join(mids, " "));
  out.flag(description.extmap_allow_mixed, "extmap-allow-mixed");
  out.flag(description.ice_lite, "ice-lite");
  out.attributes(description.other);
  for (const MediaDescription& media : description.media) write_media(out, media);
  return out.take();
}

}  // namespace holdfast::sdp

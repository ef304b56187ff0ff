#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "media/codec.hpp"
#include "sdp/section.hpp"

namespace holdfast::sdp {
namespace {

// Any more, such as goog-remb, would be a promise that we do not keep.
constexpr std::array<std::string_view, 3> kept_feedback = {"nack", "nack pli", "ccm fir"};

bool keeps_feedback(std::string_view feedback, const AnswerPolicy& policy) {
  return std::ranges::find(kept_feedback, feedback) != kept_feedback.end() ||
         (feedback == "transport-cc" && policy.transport_cc == TransportCc::on);
}

bool takes_red(const MediaDescription& offered, const AnswerPolicy& policy) {
  const auto opus = std::ranges::find_if(
      offered.codecs, [](const Codec& codec) { return equals_ignoring_case(codec.encoding, "opus"); });
  return policy.red == Red::without_nack && opus != offered.codecs.end() &&
         std::ranges::find(policy.codecs, "opus") != policy.codecs.end() &&
         std::ranges::find(opus->feedback, "nack") == opus->feedback.end();
}

// The policy's name of a codec that we take; empty: we do not.
std::string name_in_policy(const MediaDescription& offered, const Codec& codec, const AnswerPolicy& policy) {
  std::string name = lower_case(codec.encoding);
  if (name == "red") return codec.clock_rate == 48'000 && takes_red(offered, policy) ? name : "";
  if (std::ranges::find(policy.codecs, name) == policy.codecs.end()) return {};
  const auto known = media::parse_codec(name);
  if (!known || codec.clock_rate != media::info_of(*known).rtp_clock_rate) return {};
  // Modes 0 and 1 are sent alike and taken alike; 2 is interleaved, which nobody sends (RFC 6184
  // section 6.4).
  if (name == "h264" && fmtp_parameter(codec.fmtp, "packetization-mode") == "2") return {};
  return name;
}

// Our fmtp says what we would like to be sent. What the sender likes to send suits a recorder: the same words
// again.
std::string answered_fmtp(const Codec& offered) {
  const bool stereo_is_sent = fmtp_parameter(offered.fmtp, "sprop-stereo") == "1";
  const bool stereo_is_asked = !fmtp_parameter(offered.fmtp, "stereo").empty();
  return stereo_is_sent && !stereo_is_asked ? offered.fmtp + ";stereo=1"
                                            : offered.fmtp;  // RFC 7587 section 6.1
}

void choose_codecs(const MediaDescription& offered, const AnswerPolicy& policy, MediaSection& section) {
  for (const Codec& codec : offered.codecs) {
    if (is_rtx(codec)) continue;
    const std::string name = name_in_policy(offered, codec, policy);
    if (name.empty()) {
      const std::string refused = codec.encoding.empty()
                                      ? fmt::format("payload type {}", codec.payload_type.value())
                                      : codec.encoding;
      auto& list = section.rejected_codecs;
      if (std::ranges::find(list, refused) == list.end()) list.push_back(refused);
      continue;
    }
    NegotiatedCodec chosen{codec, name, find_rtx(offered, codec.payload_type)};
    chosen.fmtp = answered_fmtp(codec);
    std::erase_if(chosen.feedback,
                  [&](const std::string& feedback) { return !keeps_feedback(feedback, policy); });
    section.codecs.push_back(std::move(chosen));
  }
}

// Why we cannot take the m-line; empty: we can.
std::string objection(const SessionDescription& offer, const MediaDescription& offered,
                      const MediaSection& section) {
  if (offered.port == 0 && !offered.bundle_only) return "rejected by the offerer itself";
  if (!is_bundled(offer, offered)) return "outside the BUNDLE group";
  if (section.kind == Kind::application) return {};
  if (section.kind == Kind::other) {
    return fmt::format("{} over {} is not supported", offered.media, offered.protocol);
  }
  if (offered.protocol.find("RTP/SAVP") == std::string::npos) {
    return fmt::format("{} is not encrypted", offered.protocol);
  }
  if (!offered.rtcp_mux) return "it has no rtcp-mux";
  if (section.codecs.empty()) {
    return fmt::format("none of its codecs is supported: {}", fmt::join(section.rejected_codecs, ", "));
  }
  return {};
}

bool reports(const MediaSection& section) {
  return std::ranges::any_of(section.codecs, [](const NegotiatedCodec& codec) {
    return std::ranges::find(codec.feedback, "transport-cc") != codec.feedback.end();
  });
}

MediaSection consider(const SessionDescription& offer, const MediaDescription& offered,
                      const AnswerPolicy& policy) {
  MediaSection section = section_of(offered);
  choose_codecs(offered, policy, section);
  section.rejection = objection(offer, offered, section);
  if (!section.rejection.empty() || section.kind == Kind::application) return section;

  const bool sends = offered.direction == Direction::sendrecv || offered.direction == Direction::sendonly;
  section.direction = sends ? Direction::recvonly : Direction::inactive;
  for (const Extension& extension : offered.extensions) {
    if (policy.transport_cc == TransportCc::on && extension.uri == transport_cc_uri && reports(section)) {
      section.extensions.push_back(extension);
    }
  }
  return section;
}

// What every answered m-line repeats of the offered one.
MediaDescription echo(const MediaDescription& offered) {
  MediaDescription answered;
  answered.media = offered.media;
  answered.protocol = offered.protocol;
  answered.formats = offered.formats;
  answered.mid = offered.mid;
  return answered;
}

MediaDescription refuse(const MediaDescription& offered) {
  MediaDescription answered = echo(offered);
  answered.port = 0;  // RFC 3264 section 6
  answered.direction = Direction::inactive;
  for (const Codec& codec : offered.codecs) answered.codecs.emplace_back().payload_type = codec.payload_type;
  return answered;
}

MediaDescription accept(const MediaDescription& offered, const MediaSection& section) {
  MediaDescription answered = echo(offered);
  if (section.kind == Kind::application) {
    answered.sctp_port = 5000;
    answered.max_message_size = offered.max_message_size;
    return answered;
  }
  answered.direction = section.direction;
  answered.rtcp_mux = true;
  answered.rtcp_rsize = offered.rtcp_rsize;
  answered.extensions = section.extensions;
  for (const NegotiatedCodec& codec : section.codecs) {
    answered.codecs.push_back(codec);
    if (codec.rtx) answered.codecs.push_back(*offered.find_codec(*codec.rtx));
  }
  return answered;
}

// RFC 8842 section 5.3.
Result<Setup> answer_setup(std::optional<Setup> offered, Setup preferred) {
  switch (offered.value_or(Setup::actpass)) {
    case Setup::actpass:
      return preferred == Setup::passive ? Setup::passive : Setup::active;
    case Setup::active:
      return Setup::passive;
    case Setup::passive:
      return Setup::active;
    case Setup::holdconn:
      break;
  }
  return fail(ErrorCode::unsupported, "the offer has a=setup:holdconn, which forbids a connection");
}

}  // namespace

std::vector<std::string> all_encodings() {
  std::vector<std::string> names;
  for (const media::CodecInfo& codec : media::codecs) {
    if (codec.rtp_clock_rate > 0) names.emplace_back(codec.name);
  }
  return names;
}

Result<Answer> make_answer(const SessionDescription& offer, const AnswerPolicy& policy,
                           const LocalTransport& local) {
  if (offer.media.empty()) return fail(ErrorCode::invalid, "the offer has no m-line");
  auto remote = remote_transport_of(offer);
  if (!remote) return std::unexpected(remote.error());
  const auto setup = answer_setup(remote->transport.setup, policy.setup);
  if (!setup) return std::unexpected(setup.error());

  Answer answer{.description = {}, .sections = {}, .remote = std::move(*remote), .setup = *setup};
  answer.description.session_id = local.session_id;
  answer.description.session_version = local.session_version;
  answer.description.extmap_allow_mixed = offer.extmap_allow_mixed;
  std::vector<std::string> accepted;
  std::string objections;
  for (const MediaDescription& offered : offer.media) {
    MediaSection section = consider(offer, offered, policy);
    if (section.rejection.empty()) {
      MediaDescription answered = accept(offered, section);
      answered.transport = describe(local, *setup, accepted.empty());
      answer.description.media.push_back(std::move(answered));
      accepted.push_back(offered.mid);
    } else {
      answer.description.media.push_back(refuse(offered));
      if (!objections.empty()) objections += "; ";
      objections += fmt::format("{}: {}", offered.media, section.rejection);
    }
    answer.sections.push_back(std::move(section));
  }
  if (accepted.empty()) {
    return fail(ErrorCode::unsupported, "no media in the offer can be accepted ({})", objections);
  }
  if (!offer.bundles.empty()) answer.description.bundles = {std::move(accepted)};
  return answer;
}

}  // namespace holdfast::sdp

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "sdp/description.hpp"

namespace holdfast::sdp {
namespace {

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Splits off what stands before the first `separator`; all of it when there is none.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view head = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return head;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    if (const std::string_view word = take(text, ' '); !word.empty()) words.emplace_back(word);
  }
  return words;
}

// Appends unless the list is as long as we allow.
template <typename Item>
bool append(std::vector<Item>& list, Item item, std::size_t limit = max_lines_per_list) {
  if (list.size() >= limit) return false;
  list.push_back(std::move(item));
  return true;
}

std::optional<Msid> parse_msid(std::string_view text) {
  const std::string_view stream = take(text, ' ');
  const std::string_view track = take(text, ' ');
  if (stream.empty()) return std::nullopt;
  return Msid{std::string(stream), std::string(track)};
}

// Goes through the lines of one description. Every handler gives false for a line that cannot be read.
class Parser {
 public:
  Result<SessionDescription> parse(std::string_view text);

 private:
  using Handler = bool (Parser::*)(std::string_view value);
  struct Entry {
    std::string_view name;
    Handler handler;
  };
  // What is said before the first m-line holds for each that does not say otherwise.
  struct Section {
    MediaDescription media;
    std::optional<Direction> direction;
    std::vector<std::string> feedback_for_all;  // a=rtcp-fb:*
  };

  bool parse_line(std::string_view line);
  bool parse_origin(std::string_view value);
  bool begin_media(std::string_view value);
  void end_media();
  bool parse_attribute(std::string_view line);

  bool group(std::string_view value);
  bool ice_lite(std::string_view) { return description_.ice_lite = true; }
  bool extmap_allow_mixed(std::string_view) { return description_.extmap_allow_mixed = true; }
  bool ice_ufrag(std::string_view value) { return set_token(transport().ice_ufrag, value); }
  bool ice_pwd(std::string_view value) { return set_token(transport().ice_pwd, value); }
  bool ice_options(std::string_view value) { return set_token(transport().ice_options, value); }
  bool fingerprint(std::string_view value) { return append(transport().fingerprints, std::string(value)); }
  bool setup(std::string_view value);
  bool candidate(std::string_view value) {
    return append(transport().candidates, "candidate:" + std::string(value));
  }
  bool end_of_candidates(std::string_view) { return transport().end_of_candidates = true; }
  bool mid(std::string_view value) { return set_token(media().mid, value); }
  template <Direction direction>
  bool set_direction(std::string_view) {
    section_.direction = direction;
    return true;
  }
  bool rtcp_mux(std::string_view) { return media().rtcp_mux = true; }
  bool rtcp_rsize(std::string_view) { return media().rtcp_rsize = true; }
  bool bundle_only(std::string_view) { return media().bundle_only = true; }
  bool msid(std::string_view value);
  bool rtpmap(std::string_view value);
  bool fmtp(std::string_view value);
  bool rtcp_fb(std::string_view value);
  bool extmap(std::string_view value);
  bool ssrc(std::string_view value);
  bool ssrc_group(std::string_view value);
  bool sctp_port(std::string_view value) {
    return (media().sctp_port = parse_number<std::uint32_t>(value)).has_value();
  }
  bool max_message_size(std::string_view value) {
    return (media().max_message_size = parse_number<std::uint64_t>(value)).has_value();
  }

  static bool set_token(std::string& field, std::string_view value) {
    field = value;
    return !value.empty();
  }
  MediaDescription& media() { return section_.media; }
  Transport& transport() { return section_.media.transport; }
  // The codec a line of the form "<payload type> ..." is about. Null: not a number (*ok = false), or not on
  // the m-line.
  Codec* codec_of(std::string_view& value, bool& ok);

  static const Entry entries[];

  SessionDescription description_;
  Section session_;  // what came before the first m-line
  Section section_;  // being read
  bool in_media_ = false;
};

const Parser::Entry Parser::entries[] = {
    {"group", &Parser::group},
    {"ice-lite", &Parser::ice_lite},
    {"extmap-allow-mixed", &Parser::extmap_allow_mixed},
    {"ice-ufrag", &Parser::ice_ufrag},
    {"ice-pwd", &Parser::ice_pwd},
    {"ice-options", &Parser::ice_options},
    {"fingerprint", &Parser::fingerprint},
    {"setup", &Parser::setup},
    {"candidate", &Parser::candidate},
    {"end-of-candidates", &Parser::end_of_candidates},
    {"mid", &Parser::mid},
    {"sendrecv", &Parser::set_direction<Direction::sendrecv>},
    {"sendonly", &Parser::set_direction<Direction::sendonly>},
    {"recvonly", &Parser::set_direction<Direction::recvonly>},
    {"inactive", &Parser::set_direction<Direction::inactive>},
    {"rtcp-mux", &Parser::rtcp_mux},
    {"rtcp-rsize", &Parser::rtcp_rsize},
    {"bundle-only", &Parser::bundle_only},
    {"msid", &Parser::msid},
    {"rtpmap", &Parser::rtpmap},
    {"fmtp", &Parser::fmtp},
    {"rtcp-fb", &Parser::rtcp_fb},
    {"extmap", &Parser::extmap},
    {"ssrc", &Parser::ssrc},
    {"ssrc-group", &Parser::ssrc_group},
    {"sctp-port", &Parser::sctp_port},
    {"max-message-size", &Parser::max_message_size},
};

Result<SessionDescription> Parser::parse(std::string_view text) {
  if (text.size() > max_text_bytes) {
    return fail(ErrorCode::invalid, "the session description has {} bytes, more than {}", text.size(),
                max_text_bytes);
  }
  if (!text.starts_with("v=0")) return fail(ErrorCode::invalid, "the session description has no v=0");
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = take(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;  // people's tools leave blank lines at the end
    if (!parse_line(line)) {
      return fail(ErrorCode::invalid, "session description, line {}: cannot read \"{}\"", number,
                  printable(line));
    }
  }
  if (in_media_) end_media();
  return std::move(description_);
}

bool Parser::parse_line(std::string_view line) {
  if (line.size() < 2 || line[1] != '=') return false;
  if (line.find('\r') != line.npos || line.find('\0') != line.npos) return false;
  const std::string_view value = line.substr(2);
  switch (line[0]) {
    case 'o':
      return parse_origin(value);
    case 'm':
      return begin_media(value);
    case 'a':
      return parse_attribute(value);
    default:
      return line[0] >= 'a' && line[0] <= 'z';  // s=, t=, c=, b= and others say nothing to us
  }
}

bool Parser::parse_origin(std::string_view value) {
  take(value, ' ');
  const auto id = parse_number<std::uint64_t>(take(value, ' '));
  const auto version = parse_number<std::uint64_t>(take(value, ' '));
  if (!id || !version) return false;
  description_.session_id = *id;
  description_.session_version = *version;
  return true;
}

bool Parser::begin_media(std::string_view value) {
  if (in_media_) {
    end_media();
  } else {
    session_ = std::move(section_);
  }
  in_media_ = true;
  section_ = {};
  if (description_.media.size() >= max_media_sections) return false;

  media().media = take(value, ' ');
  std::string_view port = take(value, ' ');
  const auto number = parse_number<std::uint16_t>(take(port, '/'));
  media().protocol = take(value, ' ');
  if (media().media.empty() || !number || media().protocol.empty() || value.empty()) return false;
  media().port = *number;
  if (!media().is_rtp()) {
    media().formats = value;
    return true;
  }
  for (const std::string& word : words_of(value)) {
    const auto payload_type = parse_number<std::uint8_t>(word);
    if (!payload_type || *payload_type > 127 || media().find_codec(PayloadType(*payload_type))) return false;
    media().codecs.emplace_back().payload_type = PayloadType(*payload_type);
  }
  return true;
}

void Parser::end_media() {
  const Transport& common = session_.media.transport;
  if (transport().ice_ufrag.empty()) {
    transport().ice_ufrag = common.ice_ufrag;
    transport().ice_pwd = common.ice_pwd;
  }
  if (transport().ice_options.empty()) transport().ice_options = common.ice_options;
  if (transport().fingerprints.empty()) transport().fingerprints = common.fingerprints;
  if (!transport().setup) transport().setup = common.setup;
  if (media().extensions.empty()) media().extensions = session_.media.extensions;
  media().direction = section_.direction.value_or(session_.direction.value_or(Direction::sendrecv));
  for (Codec& codec : media().codecs) {
    for (const std::string& feedback : section_.feedback_for_all) codec.feedback.push_back(feedback);
  }
  description_.media.push_back(std::move(media()));
}

bool Parser::parse_attribute(std::string_view line) {
  std::string_view value = line;
  const std::string_view name = take(value, ':');
  const auto* entry = std::ranges::find(entries, name, &Entry::name);
  if (entry != std::end(entries)) return (this->*entry->handler)(value);
  std::vector<Attribute>& other = in_media_ ? media().other : description_.other;
  return !name.empty() && append(other, Attribute{std::string(name), std::string(value)});
}

bool Parser::group(std::string_view value) {
  if (take(value, ' ') != "BUNDLE") return true;  // lip synchronisation and the like
  std::vector<std::string> mids = words_of(value);
  return mids.size() <= max_media_sections && append(description_.bundles, std::move(mids), 16);
}

bool Parser::setup(std::string_view value) {
  for (const Setup setup : {Setup::actpass, Setup::active, Setup::passive, Setup::holdconn}) {
    if (value == to_string(setup)) transport().setup = setup;
  }
  return transport().setup.has_value();
}

bool Parser::msid(std::string_view value) {
  auto msid = parse_msid(value);
  if (!msid) return false;
  if (!media().msid) media().msid = std::move(msid);
  return true;
}

Codec* Parser::codec_of(std::string_view& value, bool& ok) {
  const auto number = parse_number<std::uint8_t>(take(value, ' '));
  ok = number && !value.empty();
  if (!ok) return nullptr;
  const auto found = std::ranges::find(media().codecs, PayloadType(*number), &Codec::payload_type);
  return found == media().codecs.end() ? nullptr : &*found;
}

bool Parser::rtpmap(std::string_view value) {
  bool ok = false;
  Codec* codec = codec_of(value, ok);
  if (!ok || codec == nullptr) return ok;
  codec->encoding = take(value, '/');
  const auto clock_rate = parse_number<std::uint32_t>(take(value, '/'));
  const auto channels = value.empty() ? 0 : parse_number<std::uint32_t>(value);
  if (codec->encoding.empty() || !clock_rate || !channels) return false;
  codec->clock_rate = *clock_rate;
  codec->channels = *channels;
  return true;
}

bool Parser::fmtp(std::string_view value) {
  bool ok = false;
  if (Codec* codec = codec_of(value, ok)) codec->fmtp = value;
  return ok;
}

bool Parser::rtcp_fb(std::string_view value) {
  if (value.starts_with("* ")) return append(section_.feedback_for_all, std::string(value.substr(2)), 16);
  bool ok = false;
  Codec* codec = codec_of(value, ok);
  return ok && (codec == nullptr || append(codec->feedback, std::string(value), 16));
}

bool Parser::extmap(std::string_view value) {
  std::string_view id = take(value, ' ');
  const auto number = parse_number<std::uint32_t>(take(id, '/'));
  const std::string_view uri = take(value, ' ');
  if (!number || *number == 0 || uri.empty()) return false;
  if (*number > 255) return true;  // not an id yet, RFC 8285 section 7: nothing we would choose
  return append(media().extensions, Extension{static_cast<std::uint8_t>(*number), std::string(uri)});
}

bool Parser::ssrc(std::string_view value) {
  const auto number = parse_number<std::uint32_t>(take(value, ' '));
  if (!number) return false;
  auto found = std::ranges::find(media().ssrcs, Ssrc(*number), &SsrcDescription::ssrc);
  if (found == media().ssrcs.end()) {
    if (!append(media().ssrcs, SsrcDescription{Ssrc(*number), {}, {}})) return false;
    found = std::prev(media().ssrcs.end());
  }
  const std::string_view name = take(value, ':');
  if (name == "cname") found->cname = value;
  if (name == "msid") found->msid = parse_msid(value);
  return true;
}

bool Parser::ssrc_group(std::string_view value) {
  SsrcGroup group{std::string(take(value, ' ')), {}};
  for (const std::string& word : words_of(value)) {
    const auto number = parse_number<std::uint32_t>(word);
    if (!number || !append(group.ssrcs, Ssrc(*number))) return false;
  }
  return !group.semantics.empty() && append(media().ssrc_groups, std::move(group));
}

}  // namespace

Result<SessionDescription> parse(std::string_view text) {
  return Parser().parse(text);
}

}  // namespace holdfast::sdp

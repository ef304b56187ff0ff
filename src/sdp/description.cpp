#include "sdp/description.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace holdfast::sdp {
bool MediaDescription::is_rtp() const {
  return protocol.find("RTP/") != std::string::npos;
}

bool MediaDescription::is_data_channel() const {
  return protocol.ends_with("DTLS/SCTP") && formats == "webrtc-datachannel";
}

const Codec* MediaDescription::find_codec(PayloadType payload_type) const {
  const auto found = std::ranges::find(codecs, payload_type, &Codec::payload_type);
  return found == codecs.end() ? nullptr : &*found;
}

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::sendrecv:
      return "sendrecv";
    case Direction::sendonly:
      return "sendonly";
    case Direction::recvonly:
      return "recvonly";
    case Direction::inactive:
      return "inactive";
  }
  return {};
}

std::string_view to_string(Setup setup) {
  switch (setup) {
    case Setup::actpass:
      return "actpass";
    case Setup::active:
      return "active";
    case Setup::passive:
      return "passive";
    case Setup::holdconn:
      return "holdconn";
  }
  return {};
}

std::string_view fmtp_parameter(std::string_view fmtp, std::string_view name) {
  while (!fmtp.empty()) {
    const std::size_t end = std::min(fmtp.find(';'), fmtp.size());
    const std::string_view parameter = trim(fmtp.substr(0, end));
    const std::size_t equals = parameter.find('=');
    if (equals != std::string_view::npos && equals_ignoring_case(trim(parameter.substr(0, equals)), name)) {
      return trim(parameter.substr(equals + 1));
    }
    fmtp.remove_prefix(std::min(end + 1, fmtp.size()));
  }
  return {};
}

}  // namespace holdfast::sdp

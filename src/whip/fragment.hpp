#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::whip {

// What a trickled SDP fragment says of the client's ICE (RFC 8840 section 9). All media are bundled, so which
// m-line a candidate stands under does not matter.
struct Fragment {
  static constexpr std::size_t max_candidates = 64;

  std::string ufrag;
  std::string pwd;
  std::vector<std::string> candidates;  // "candidate:1 1 udp ...", unread: ICE is the one who judges them
  bool end_of_candidates = false;
  // Of the first m-line: "audio 9 UDP/TLS/RTP/SAVPF 111", and its a=mid.
  std::string media;
  std::string mid;
};

// Also reads a whole offer. nullopt: a line that is no SDP, more than max_candidates, or two different user
// fragments.
std::optional<Fragment> parse_fragment(std::string_view text);
// All candidates under the first m-line, as of a bundle (RFC 8840 section 4.4).
std::string serialize_fragment(const Fragment& fragment);

}  // namespace holdfast::whip

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"

namespace holdfast::ice {

// RFC 8445 section 5.1.1. peer_reflexive is never signalled: it is learnt from a check.
enum class CandidateType { host, server_reflexive, peer_reflexive, relayed };

// What a candidate is reached by. TCP is passive ("tcptype passive", RFC 6544): it waits to be connected to.
enum class Transport : std::uint8_t { udp, tcp };

// RFC 8445 section 5.1.2.1, for component 1. `local_preference` orders the addresses of one host: 65535 is
// the best. TCP stands below all that is direct over UDP and above relays (RFC 6544 section 4.2).
constexpr std::uint32_t candidate_priority(CandidateType type, std::uint16_t local_preference,
                                           Transport transport = Transport::udp) {
  constexpr std::uint32_t type_preferences[2][4] = {{126, 100, 110, 0}, {90, 70, 80, 0}};
  constexpr std::uint32_t component = 1;
  return type_preferences[static_cast<int>(transport)][static_cast<int>(type)] << 24 |
         std::uint32_t{local_preference} << 8 | (256 - component);
}

// Where one side may be reached, component 1: the only one there is, as everything is bundled and
// multiplexed.
struct Candidate {
  Endpoint endpoint;
  std::uint32_t priority = 0;  // 1..2^31-1
  CandidateType type = CandidateType::host;
  Transport transport = Transport::udp;
  std::string foundation;  // 1..32 ice-chars

  // One of our own addresses, with priority and foundation computed (RFC 8445 section 5.1.1.3).
  static Candidate host(const Endpoint& endpoint, std::uint16_t local_preference);
  // An address of ours on a relay.
  static Candidate relayed(const Endpoint& endpoint, std::uint16_t local_preference);

  // Reads "candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host ..." (RFC 8839 section 5.1), with or without
  // "a=" or "candidate:" before it. nullopt: malformed, or of no use to us: TCP that is not passive (RFC 6544
  // section 4.5), another component, a host name (mDNS ".local" as well), port 0.
  static std::optional<Candidate> parse(std::string_view text);

  // "candidate:... typ host": the value of an SDP attribute line, and of candidateInit JSON. For our own
  // candidates: host and relayed, UDP.
  std::string to_sdp() const;

  bool operator==(const Candidate&) const = default;
};

}  // namespace holdfast::ice

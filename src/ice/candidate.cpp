#include "ice/candidate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace holdfast::ice {
namespace {

std::string_view next_token(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const std::string_view token = text.substr(0, text.find(' '));
  text.remove_prefix(token.size());
  return token;
}

// A whole decimal number within [least, most].
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return std::nullopt;
  return value;
}

std::optional<CandidateType> parse_type(std::string_view text) {
  if (text == "host") return CandidateType::host;
  if (text == "srflx") return CandidateType::server_reflexive;
  if (text == "prflx") return CandidateType::peer_reflexive;
  if (text == "relay") return CandidateType::relayed;
  return std::nullopt;
}

std::optional<Transport> parse_transport(std::string_view text) {
  if (equals_ignoring_case(text, "udp")) return Transport::udp;
  if (equals_ignoring_case(text, "tcp")) return Transport::tcp;
  return std::nullopt;
}

// Whether "tcptype passive" is among the extensions, which come in pairs of a name and a value.
bool says_passive(std::string_view extensions) {
  while (true) {
    const std::string_view name = next_token(extensions);
    if (name.empty()) return false;
    const std::string_view value = next_token(extensions);
    if (name == "tcptype") return value == "passive";
  }
}

bool is_foundation(std::string_view text) {
  constexpr std::string_view ice_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return !text.empty() && text.size() <= 32 && text.find_first_not_of(ice_chars) == std::string_view::npos;
}

Candidate make(CandidateType type, const Endpoint& endpoint, std::uint16_t local_preference) {
  // Two candidates share a foundation only if they share type and address (RFC 8445 section 5.1.1.3): FNV-1a
  // of both.
  std::uint64_t hash = 0xcbf29ce484222325;
  if (type != CandidateType::host) hash = (hash ^ static_cast<std::uint64_t>(type)) * 0x100000001b3;
  for (const std::uint8_t byte : endpoint.address.bytes()) hash = (hash ^ byte) * 0x100000001b3;
  return {endpoint, candidate_priority(type, local_preference), type, Transport::udp,
          fmt::format("{}", hash)};
}

}  // namespace

Candidate Candidate::host(const Endpoint& endpoint, std::uint16_t local_preference) {
  return make(CandidateType::host, endpoint, local_preference);
}

Candidate Candidate::relayed(const Endpoint& endpoint, std::uint16_t local_preference) {
  return make(CandidateType::relayed, endpoint, local_preference);
}

std::optional<Candidate> Candidate::parse(std::string_view text) {
  for (const std::string_view prefix : {"a=", "candidate:"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);

  const std::string_view foundation = next_token(text);
  const auto component = parse_number(next_token(text), 1, 1);
  const auto transport = parse_transport(next_token(text));
  const auto priority = parse_number(next_token(text), 1, (1u << 31) - 1);
  const auto address = IpAddress::parse(next_token(text));
  const auto port = parse_number(next_token(text), 1, 65535);
  if (next_token(text) != "typ") return std::nullopt;
  const auto type = parse_type(next_token(text));

  if (!is_foundation(foundation) || !component || !transport || !priority || !address || !port || !type) {
    return std::nullopt;
  }
  if (*transport == Transport::tcp && !says_passive(text)) return std::nullopt;
  return Candidate{
      {*address, static_cast<std::uint16_t>(*port)}, *priority, *type, *transport, std::string(foundation)};
}

std::string Candidate::to_sdp() const {
  // A relayed candidate names the address that the server saw us at (RFC 8839 section 5.1), which is nobody's
  // business: zeros are allowed for that.
  const std::string_view kind = type == CandidateType::host ? "host"
                                : endpoint.address.is_v4()  ? "relay raddr 0.0.0.0 rport 0"
                                                            : "relay raddr :: rport 0";
  return fmt::format("candidate:{} 1 udp {} {} {} typ {}", foundation, priority, endpoint.address.to_string(),
                     endpoint.port, kind);
}

}  // namespace holdfast::ice

#include "ice/candidate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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

bool is_udp(std::string_view transport) {
  return std::ranges::equal(transport, std::string_view("udp"),
                            [](char a, char b) { return (a | 0x20) == b; });
}

bool is_foundation(std::string_view text) {
  constexpr std::string_view ice_chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return !text.empty() && text.size() <= 32 && text.find_first_not_of(ice_chars) == std::string_view::npos;
}

}  // namespace

Candidate Candidate::host(const Endpoint& endpoint, std::uint16_t local_preference) {
  // Two candidates share a foundation only if they share their address (RFC 8445 section 5.1.1.3): FNV-1a of
  // it.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : endpoint.address.bytes()) hash = (hash ^ byte) * 0x100000001b3;
  return {endpoint, candidate_priority(CandidateType::host, local_preference), CandidateType::host,
          fmt::format("{}", hash)};
}

std::optional<Candidate> Candidate::parse(std::string_view text) {
  for (const std::string_view prefix : {"a=", "candidate:"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);

  const std::string_view foundation = next_token(text);
  const auto component = parse_number(next_token(text), 1, 1);
  const std::string_view transport = next_token(text);
  const auto priority = parse_number(next_token(text), 1, (1u << 31) - 1);
  const auto address = IpAddress::parse(next_token(text));
  const auto port = parse_number(next_token(text), 1, 65535);
  if (next_token(text) != "typ") return std::nullopt;
  const auto type = parse_type(next_token(text));

  if (!is_foundation(foundation) || !component || !is_udp(transport) || !priority || !address || !port ||
      !type) {
    return std::nullopt;
  }
  return Candidate{{*address, static_cast<std::uint16_t>(*port)}, *priority, *type, std::string(foundation)};
}

std::string Candidate::to_sdp() const {
  return fmt::format("candidate:{} 1 udp {} {} {} typ host", foundation, priority,
                     endpoint.address.to_string(), endpoint.port);
}

}  // namespace holdfast::ice

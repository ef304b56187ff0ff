#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace holdfast::stun {

// No message of ICE comes near one MTU; what is longer is not parsed.
inline constexpr std::size_t max_size = 1500;
inline constexpr std::size_t header_size = 20;

// RFC 8489 section 5: the class bits of the message type.
enum class Class : std::uint8_t { request = 0, indication = 1, success = 2, error = 3 };

using TransactionId = std::array<std::uint8_t, 12>;

// An ERROR-CODE, RFC 8489 section 14.8.
struct ErrorCode {
  int number = 0;           // 300..699
  std::string_view reason;  // UTF-8 for people, may be empty

  bool operator==(const ErrorCode&) const = default;
};
inline constexpr int unknown_attribute = 420;  // RFC 8489 section 14.8
inline constexpr int role_conflict = 487;      // RFC 8445 section 7.3.1.1

// Attribute types that were not understood, or that the peer says it did not understand (UNKNOWN-ATTRIBUTES,
// RFC 8489 section 14.9). Keeps the first eight: one is enough to refuse a request.
struct UnknownAttributes {
  std::array<std::uint16_t, 8> types{};
  std::uint8_t count = 0;

  void add(std::uint16_t type) {
    if (count < types.size()) types[count++] = type;
  }
  bool empty() const { return count == 0; }
  bool operator==(const UnknownAttributes&) const = default;
};

// A Binding message as ICE uses it (RFC 8489, RFC 8445 section 16.1). Its text and `datagram` are views of
// the bytes it was parsed from and live no longer than those. Attributes that may be ignored (SOFTWARE,
// vendors' own) are.
struct Message {
  Class type = Class::request;
  TransactionId transaction{};

  std::optional<std::string_view> username;  // "receiver's ufrag:sender's ufrag" in ICE
  std::optional<Endpoint> mapped;            // XOR-MAPPED-ADDRESS
  std::optional<ErrorCode> error;            // ERROR-CODE
  UnknownAttributes unknown_to_peer;         // UNKNOWN-ATTRIBUTES, as sent
  std::optional<std::uint32_t> priority;     // PRIORITY
  std::optional<std::uint64_t> controlling;  // ICE-CONTROLLING: the tie-breaker
  std::optional<std::uint64_t> controlled;   // ICE-CONTROLLED: the tie-breaker
  bool use_candidate = false;                // USE-CANDIDATE

  // Set by parse() only.
  UnknownAttributes not_understood;  // types that had to be understood (0x0000..0x7fff) and were not
  Bytes datagram;                    // the whole message
  std::size_t integrity_offset = 0;  // where MESSAGE-INTEGRITY stands in `datagram`; 0 if there is none
};

// Does this datagram belong to STUN rather than DTLS, SRTP or TURN channels? Looks at the first byte and the
// magic cookie only (RFC 7983 section 7, RFC 8489 section 5), so it is cheap enough for every packet; parse()
// may still refuse it.
bool is_stun(Bytes datagram);

// Reads one Binding message. nullopt: malformed, another method, longer than max_size, or a wrong
// FINGERPRINT. A message without FINGERPRINT is taken. What stands after MESSAGE-INTEGRITY is not
// authenticated and ignored (RFC 8489 section 14.5).
std::optional<Message> parse(Bytes datagram);

// Whether the message carries MESSAGE-INTEGRITY made with this password (short-term credentials, RFC 8489
// section 9.1). Only for messages that parse() gave. Until this is true nothing in a message may be believed.
bool is_authentic(const Message& message, std::string_view password);

// Writes a message with MESSAGE-INTEGRITY by `password` and FINGERPRINT. The result must fit max_size; it
// does when username and reason together are below 1,300 bytes.
ByteVector serialize(const Message& message, std::string_view password);

}  // namespace holdfast::stun

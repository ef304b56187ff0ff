#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace holdfast::stun {

// An MTU, and what a TURN server wraps it in; what is longer is not parsed.
inline constexpr std::size_t max_size = 1600;
inline constexpr std::size_t header_size = 20;

// RFC 8489 section 5: the class bits of the message type.
enum class Class : std::uint8_t { request = 0, indication = 1, success = 2, error = 3 };

// RFC 8489 section 3 and RFC 8656 section 17.
enum class Method : std::uint16_t {
  binding = 0x001,
  allocate = 0x003,
  refresh = 0x004,
  send = 0x006,
  data = 0x007,
  create_permission = 0x008,
  channel_bind = 0x009,
};
// Which of them a reader takes.
enum class Protocol : std::uint8_t { ice, turn };

using TransactionId = std::array<std::uint8_t, 12>;

// An ERROR-CODE, RFC 8489 section 14.8.
struct ErrorCode {
  int number = 0;           // 300..699
  std::string_view reason;  // UTF-8 for people, may be empty

  bool operator==(const ErrorCode&) const = default;
};
inline constexpr int unauthenticated = 401;    // RFC 8489 section 14.8
inline constexpr int unknown_attribute = 420;  // RFC 8489 section 14.8
inline constexpr int stale_nonce = 438;        // RFC 8489 section 14.8
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

// A message as ICE and TURN use it (RFC 8489, RFC 8445 section 16.1, RFC 8656). Its text and bytes are views
// of the bytes it was parsed from and live no longer than those. Attributes that may be ignored (SOFTWARE,
// vendors' own) are.
struct Message {
  Method method = Method::binding;
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

  // Long-term credentials (RFC 8489 section 9.2) and TURN (RFC 8656 section 18).
  std::optional<std::string_view> realm;
  std::optional<std::string_view> nonce;
  std::optional<std::uint8_t> requested_transport;  // REQUESTED-TRANSPORT: a protocol number, 17 is UDP
  std::optional<std::uint32_t> lifetime;            // LIFETIME, s
  std::optional<std::uint16_t> channel;             // CHANNEL-NUMBER
  std::optional<Endpoint> relayed;                  // XOR-RELAYED-ADDRESS
  std::optional<Endpoint> peer;                     // XOR-PEER-ADDRESS, the first of several
  std::optional<Bytes> data;                        // DATA

  // Set by parse() only.
  UnknownAttributes not_understood;  // types that had to be understood (0x0000..0x7fff) and were not
  Bytes datagram;                    // the whole message
  std::size_t integrity_offset = 0;  // where MESSAGE-INTEGRITY stands in `datagram`; 0 if there is none
};

// Does this datagram belong to STUN rather than DTLS, SRTP or TURN channels? Looks at the first byte and the
// magic cookie only (RFC 7983 section 7, RFC 8489 section 5), so it is cheap enough for every packet; parse()
// may still refuse it.
bool is_stun(Bytes datagram);

// Reads one message. nullopt: malformed, of a method that the protocol has no use for, longer than max_size,
// or a wrong FINGERPRINT. A message without FINGERPRINT is taken. What stands after MESSAGE-INTEGRITY is not
// authenticated and ignored (RFC 8489 section 14.5).
std::optional<Message> parse(Bytes datagram, Protocol protocol = Protocol::ice);

// Whether the message carries MESSAGE-INTEGRITY made with this password: the password itself for short-term
// credentials (RFC 8489 section 9.1), long_term_key() for long-term ones. Only for messages that parse()
// gave. Until this is true nothing in a message may be believed.
bool is_authentic(const Message& message, std::string_view password);

// Writes a message with MESSAGE-INTEGRITY by `password` and FINGERPRINT. The result must fit max_size; it
// does when texts and data together are below 1,300 bytes.
ByteVector serialize(const Message& message, std::string_view password);
// The same without MESSAGE-INTEGRITY: indications, and the first request to a server whose realm is unknown.
// Texts and data together are below 1,520 bytes.
ByteVector serialize_unsigned(const Message& message);

// The 16 bytes that take a password's place with long-term credentials: MD5 of user name, realm and password
// (RFC 8489 section 9.2.2). SASLprep is left out: what is not ASCII must come prepared. nullopt where OpenSSL
// was told to do without MD5 (FIPS).
std::optional<std::string> long_term_key(std::string_view username, std::string_view realm,
                                         std::string_view password);

}  // namespace holdfast::stun

#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/strong.hpp"

namespace holdfast::rtp {

// Whether a datagram that is neither STUN nor DTLS is RTCP rather than RTP, where both share a port (RFC 5761
// section 4: packet types 192..223).
constexpr bool is_rtcp(Bytes datagram) {
  return datagram.size() >= 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

// A plain (decrypted) RTP packet, RFC 3550 section 5.1, viewed in place: its spans live as long as the
// datagram.
struct Packet {
  PayloadType payload_type;
  bool marker = false;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;  // in units of the payload format's clock rate
  Ssrc ssrc;
  std::uint16_t extension_profile = 0;  // 0xbede: one-byte elements, 0x100x: two-byte (RFC 8285); 0: no block
  Bytes extensions;                     // the extension block without its four bytes of header
  Bytes payload;                        // without padding; empty for a packet that only pads

  // Nothing for what is not RTP version 2 or whose lengths do not fit its size.
  static std::optional<Packet> parse(Bytes datagram);

  // The data of the header extension element `id` (1..14 one-byte, 1..255 two-byte; RFC 8285
  // section 4.2, 4.3). It may be empty. Nothing when it is absent or the block is broken before it.
  std::optional<Bytes> extension(std::uint8_t id) const;
};

inline constexpr std::size_t header_size = 12;

// Writes the twelve bytes of a header without CSRCs, extensions or padding. `out` holds at least header_size
// bytes; of `packet` only the first five fields are read.
void serialize_header(const Packet& packet, MutableBytes out);

}  // namespace holdfast::rtp

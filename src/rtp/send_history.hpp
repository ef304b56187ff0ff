#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/strong.hpp"

namespace holdfast::rtp {

// The last packets that a sender sent, to send them again. Keeps its buffers: no allocation once it is full.
class SendHistory {
 public:
  // `capacity` in packets: a power of two, at most 32,768.
  explicit SendHistory(std::size_t capacity) : packets_(capacity) {
    CHECK(std::has_single_bit(capacity) && capacity <= 32'768);
  }

  // A whole plain RTP packet (at least a header). Replaces the one `capacity` sequence numbers before.
  void store(Bytes packet);
  // The packet as it was sent, until it is replaced.
  std::optional<Bytes> find(std::uint16_t sequence) const;

 private:
  std::vector<ByteVector> packets_;  // at sequence modulo capacity
};

// Appends to `out` the RTX packet (RFC 4588 section 4) for a packet of this history: its header without
// extensions, with the RTX's own SSRC, payload type and sequence number, then the original sequence number
// and payload.
void append_rtx(Bytes original, Ssrc ssrc, PayloadType payload_type, std::uint16_t sequence, ByteVector& out);

}  // namespace holdfast::rtp

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"

namespace holdfast::codec {

// An RTP payload with redundancy (RFC 2198), viewed in place: older blocks, the oldest first, then the
// primary one, which is what the packet itself carries. The blocks' payload types are not given: behind a
// LiveKit server they are the publisher's own and mean nothing here.
class RedPayload {
 public:
  static constexpr std::size_t max_blocks = 8;

  struct Block {
    std::uint16_t offset = 0;  // by how much its timestamp is before the packet's, in units of the clock rate
    Bytes payload;             // may be empty
  };

  // Nothing for what ends early, or has more than max_blocks older blocks.
  static std::optional<RedPayload> parse(Bytes payload);

  Bytes primary() const { return primary_; }
  std::span<const Block> older() const { return std::span(blocks_).first(count_); }

 private:
  std::array<Block, max_blocks> blocks_;
  std::size_t count_ = 0;
  Bytes primary_;
};

// How many of the older blocks, counted from the newest, are Opus frames that follow each other up to the
// packet's own without a gap: the k-th newest then is what the packet of the k-th sequence number before
// carried. RED names no sequence numbers; over a gap (DTX, or a packet that its sender lacked) there is no
// telling.
std::size_t count_contiguous_opus(const RedPayload& red);

}  // namespace holdfast::codec

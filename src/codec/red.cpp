#include "codec/red.hpp"

#include "codec/opus.hpp"

namespace holdfast::codec {

// RFC 2198 section 3: headers of four bytes (F, type, 14 bits of offset, 10 of length), the last one of a
// single byte with F clear, then the blocks in the same order.
std::optional<RedPayload> RedPayload::parse(Bytes payload) {
  static constexpr std::uint8_t follows = 0x80;
  RedPayload red;
  std::array<std::size_t, max_blocks> sizes{};
  ByteReader reader(payload);
  while (reader.read_u8() & follows) {
    const std::uint32_t rest = reader.read_u24();
    if (red.count_ == max_blocks) return std::nullopt;
    red.blocks_[red.count_].offset = static_cast<std::uint16_t>(rest >> 10);
    sizes[red.count_++] = rest & 0x3ff;
  }
  for (std::size_t i = 0; i < red.count_; ++i) red.blocks_[i].payload = reader.read_bytes(sizes[i]);
  if (!reader.ok()) return std::nullopt;
  red.primary_ = reader.rest();
  return red;
}

std::size_t count_contiguous_opus(const RedPayload& red) {
  const auto older = red.older();
  std::size_t count = 0;
  int end = 0;  // of the block looked at, before the packet's timestamp
  for (auto block = older.rbegin(); block != older.rend(); ++block, ++count) {
    const auto toc = OpusToc::parse(block->payload);
    if (!toc || block->offset != end + toc->samples) break;
    end = block->offset;
  }
  return count;
}

}  // namespace holdfast::codec

#include "ice/tcp_framing.hpp"

namespace holdfast::ice {

std::optional<FrameShape> measure_tcp_frame(Bytes begin) {
  if (begin.size() < 2) return std::nullopt;
  const std::size_t size = load_u16(begin.data());
  return FrameShape{2 + size, 2, size};
}

void append_tcp_frame(Bytes datagram, ByteVector& out) {
  ByteWriter writer(out);
  writer.write_u16(static_cast<std::uint16_t>(datagram.size()));
  writer.write_bytes(datagram);
}

}  // namespace holdfast::ice

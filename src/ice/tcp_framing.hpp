#pragma once

#include "base/bytes.hpp"
#include "base/frame_reader.hpp"

namespace holdfast::ice {

// ICE-TCP puts two bytes of length before each datagram (RFC 6544 section 10.1, RFC 4571 section 2).
std::optional<FrameShape> measure_tcp_frame(Bytes begin);
// Appends the framed datagram, of at most 65,535 bytes.
void append_tcp_frame(Bytes datagram, ByteVector& out);

}  // namespace holdfast::ice

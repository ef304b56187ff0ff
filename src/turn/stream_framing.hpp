#pragma once

#include "base/bytes.hpp"
#include "base/frame_reader.hpp"

namespace holdfast::turn {

inline constexpr std::size_t channel_header_size = 4;

// Whether a message from the server is ChannelData rather than STUN (RFC 8656 section 12).
inline bool is_channel_data(Bytes message) {
  return !message.empty() && message.front() >= 0x40 && message.front() <= 0x4f;
}

// Over TCP and TLS messages follow each other with nothing between: a STUN message says its length, and
// ChannelData is padded to a multiple of four bytes (RFC 8656 section 12.5). The content is the whole message
// without the padding.
std::optional<FrameShape> measure_message(Bytes begin);

}  // namespace holdfast::turn

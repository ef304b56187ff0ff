#include "turn/stream_framing.hpp"

#include "stun/message.hpp"

namespace holdfast::turn {

std::optional<FrameShape> measure_message(Bytes begin) {
  if (begin.size() < 4) return std::nullopt;
  const std::size_t length = load_u16(&begin[2]);
  if (is_channel_data(begin)) {
    const std::size_t size = channel_header_size + length;
    return FrameShape{(size + 3) / 4 * 4, 0, size};
  }
  if (begin[0] > 3) return FrameShape{};
  const std::size_t size = stun::header_size + length;
  return FrameShape{size, 0, size};
}

}  // namespace holdfast::turn

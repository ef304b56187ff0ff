#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/bytes.hpp"
#include "container/av.hpp"
#include "media/frame.hpp"

namespace holdfast::container::test {

struct FoundFrame {
  media::Ticks pts = 0;
  ByteVector bytes;
};
// What another reader finds in a file, by track.
struct Found {
  std::vector<FoundFrame> of[2];
};

// libavformat's demuxers, on memory that they cannot seek in.
inline Found demux(Bytes file) {
  const auto read = [](void* opaque, std::uint8_t* to, int size) -> int {
    Bytes& rest = *static_cast<Bytes*>(opaque);
    const std::size_t count = std::min(static_cast<std::size_t>(size), rest.size());
    if (count == 0) return AVERROR_EOF;
    std::copy_n(rest.data(), count, to);
    rest = rest.subspan(count);
    return static_cast<int>(count);
  };
  constexpr int buffer_size = 4096;
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(buffer_size));
  AVIOContext* io = avio_alloc_context(buffer, buffer_size, 0, &file, read, nullptr, nullptr);
  AVFormatContext* context = avformat_alloc_context();
  context->pb = io;
  Found found;
  av_log_set_level(AV_LOG_FATAL);
  if (avformat_open_input(&context, "", nullptr, nullptr) >= 0) {
    const av::Packet packet(av_packet_alloc());
    while (av_read_frame(context, packet.get()) >= 0) {
      const AVRational unit = context->streams[packet->stream_index]->time_base;
      found.of[packet->stream_index].push_back({av_rescale_q(packet->pts, unit, {1, media::ticks_per_second}),
                                                ByteVector(packet->data, packet->data + packet->size)});
      av_packet_unref(packet.get());
    }
    avformat_close_input(&context);
  }
  av_log_set_level(AV_LOG_ERROR);
  av_freep(static_cast<void*>(&io->buffer));
  avio_context_free(&io);
  return found;
}

}  // namespace holdfast::container::test

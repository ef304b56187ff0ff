#include "container/pes.hpp"

#include <limits>
#include <utility>

#include "container/elementary_stream.hpp"

namespace holdfast::container::ts {
namespace {

constexpr std::size_t length_at = 4;  // of PES_packet_length, which counts what follows it
constexpr std::size_t after_length = 6;

std::uint8_t stream_id(media::Codec codec) {
  switch (codec) {
    case media::Codec::h264:
      return 0xe0;
    case media::Codec::aac:
      return 0xc0;
    case media::Codec::opus:
      return 0xbd;  // private_stream_1
    case media::Codec::vp8:
      break;
  }
  std::unreachable();  // not in codecs_of(Format::mpegts)
}

// A time of 33 bits in five bytes, between marker bits.
void append_timestamp(unsigned prefix, media::Ticks time, ByteVector& out) {
  const auto bits = static_cast<std::uint64_t>(time) & 0x1'ffff'ffff;
  out.push_back(static_cast<std::uint8_t>(prefix << 4 | (bits >> 30) << 1 | 1));
  out.push_back(static_cast<std::uint8_t>(bits >> 22));
  out.push_back(static_cast<std::uint8_t>(bits >> 14 | 1));
  out.push_back(static_cast<std::uint8_t>(bits >> 7));
  out.push_back(static_cast<std::uint8_t>(bits << 1 | 1));
}

void append_header(const media::Frame& frame, ByteVector& out) {
  const bool has_dts = frame.dts != frame.pts;
  ByteWriter writer(out);
  writer.write_u24(0x000001);
  writer.write_u8(stream_id(frame.codec));
  writer.write_u16(0);
  writer.write_u8(0x84);  // data_alignment_indicator: a frame begins right after the header
  writer.write_u8(has_dts ? 0xc0 : 0x80);
  writer.write_u8(has_dts ? 10 : 5);
  append_timestamp(has_dts ? 3 : 2, frame.pts, out);
  if (has_dts) append_timestamp(1, frame.dts, out);
}

}  // namespace

std::size_t max_payload(media::Codec codec) {
  switch (codec) {
    case media::Codec::h264:
      return std::numeric_limits<std::size_t>::max();
    case media::Codec::aac:
      return max_adts_payload;
    case media::Codec::opus:
      return 60'000;  // with its control header within 16 bits of length
    case media::Codec::vp8:
      break;
  }
  std::unreachable();
}

Bytes make_pes(const media::Frame& frame, Bytes config, ByteVector& before) {
  const std::size_t start = before.size();
  append_header(frame, before);
  if (frame.codec == media::Codec::h264) return frame_h264(frame.payload, frame.picture, config, before);

  if (frame.codec == media::Codec::aac) {
    append_adts_header(config, frame.payload.size(), before);
  } else {
    append_opus_control_header(frame.payload.size(), before);
  }
  const std::size_t length = before.size() - start - after_length + frame.payload.size();
  store_u16(before.data() + start + length_at, static_cast<std::uint16_t>(length));
  return frame.payload;
}

}  // namespace holdfast::container::ts

#include <algorithm>

#include "codec/h264.hpp"

namespace holdfast::codec {
namespace {

constexpr std::size_t fragment_header = 2;

}  // namespace

void H264Packetizer::packetize(Bytes frame, PayloadSink& sink) {
  nals_.clear();
  for (NalReader reader(frame); const auto nal = reader.next();) nals_.push_back(*nal);
  for (std::span<const Bytes> rest = nals_; !rest.empty();) {
    const std::size_t count = std::max<std::size_t>(count_aggregate(rest), 1);
    const std::span<const Bytes> nals = rest.first(count);
    rest = rest.subspan(count);
    const Last last = rest.empty() ? Last::yes : Last::no;
    if (count > 1) {
      send_aggregate(nals, last, sink);
    } else if (nals[0].size() > max_payload_) {
      send_fragments(nals[0], last, sink);
    } else {
      sink.payload(nals[0], last);
    }
  }
}

// How many of the next units go into one STAP-A.
std::size_t H264Packetizer::count_aggregate(std::span<const Bytes> nals) const {
  std::size_t size = 1;
  const auto end =
      std::ranges::find_if(nals, [&](Bytes nal) { return (size += 2 + nal.size()) > max_payload_; });
  return static_cast<std::size_t>(end - nals.begin());
}

// RFC 6184 section 5.7.1. NRI is the highest of its units.
void H264Packetizer::send_aggregate(std::span<const Bytes> nals, Last last, PayloadSink& sink) {
  buffer_.assign(1, static_cast<std::uint8_t>(NalType::stap_a));
  ByteWriter writer(buffer_);
  std::uint8_t importance = 0;
  for (const Bytes nal : nals) {
    importance = std::max<std::uint8_t>(importance, nal[0] & 0x60);
    writer.write_u16(static_cast<std::uint16_t>(nal.size()));
    writer.write_bytes(nal);
  }
  buffer_[0] |= importance;
  sink.payload(buffer_, last);
}

// RFC 6184 section 5.8.
void H264Packetizer::send_fragments(Bytes nal, Last last, PayloadSink& sink) {
  const auto indicator =
      static_cast<std::uint8_t>((nal[0] & 0xe0) | static_cast<std::uint8_t>(NalType::fu_a));
  const std::uint8_t type = nal[0] & 0x1f;
  std::uint8_t flags = 0x80;  // S
  for (Bytes rest = nal.subspan(1); !rest.empty();) {
    const Bytes part = rest.first(std::min(rest.size(), max_payload_ - fragment_header));
    rest = rest.subspan(part.size());
    if (rest.empty()) flags |= 0x40;  // E
    buffer_.clear();
    ByteWriter writer(buffer_);
    writer.write_u8(indicator);
    writer.write_u8(flags | type);
    writer.write_bytes(part);
    sink.payload(buffer_, rest.empty() ? last : Last::no);
    flags = 0;
  }
}

}  // namespace holdfast::codec

#include "rtp/send_history.hpp"

#include "rtp/packet.hpp"

namespace holdfast::rtp {

void SendHistory::store(Bytes packet) {
  CHECK(packet.size() >= header_size);
  ByteVector& slot = packets_[load_u16(&packet[2]) % packets_.size()];
  slot.assign(packet.begin(), packet.end());
}

std::optional<Bytes> SendHistory::find(std::uint16_t sequence) const {
  const ByteVector& slot = packets_[sequence % packets_.size()];
  if (slot.empty() || load_u16(&slot[2]) != sequence) return std::nullopt;
  return slot;
}

void append_rtx(Bytes original, Ssrc ssrc, PayloadType payload_type, std::uint16_t sequence,
                ByteVector& out) {
  std::optional<Packet> packet = Packet::parse(original);
  if (!packet) return;
  ByteWriter writer(out);
  const std::size_t start = out.size();
  writer.write_zeros(header_size);
  writer.write_u16(packet->sequence);
  writer.write_bytes(packet->payload);
  packet->ssrc = ssrc;
  packet->payload_type = payload_type;
  packet->sequence = sequence;
  serialize_header(*packet, MutableBytes(out).subspan(start));
}

}  // namespace holdfast::rtp

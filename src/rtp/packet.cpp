#include "rtp/packet.hpp"

#include "base/check.hpp"

namespace holdfast::rtp {
namespace {

constexpr std::uint8_t version_2 = 2 << 6;
constexpr std::uint8_t padding_bit = 0x20;
constexpr std::uint8_t extension_bit = 0x10;
constexpr std::uint16_t one_byte_profile = 0xbede;
constexpr std::uint16_t two_byte_profile = 0x1000;

// RFC 8285 section 4.2: four bits of id, four of length less one. Id 0 pads a byte, id 15 ends the block.
std::optional<Bytes> find_one_byte(Bytes block, std::uint8_t wanted) {
  ByteReader reader(block);
  while (reader.remaining() > 0) {
    const std::uint8_t head = reader.read_u8();
    const int id = head >> 4;
    if (id == 0) continue;
    if (id == 15) break;
    const Bytes data = reader.read_bytes(static_cast<std::size_t>(head & 0x0f) + 1);
    if (!reader.ok()) break;
    if (id == wanted) return data;
  }
  return std::nullopt;
}

// RFC 8285 section 4.3: a byte of id, a byte of length. Id 0 pads a byte.
std::optional<Bytes> find_two_byte(Bytes block, std::uint8_t wanted) {
  ByteReader reader(block);
  while (reader.remaining() > 0) {
    const std::uint8_t id = reader.read_u8();
    if (id == 0) continue;
    const Bytes data = reader.read_bytes(reader.read_u8());
    if (!reader.ok()) break;
    if (id == wanted) return data;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Packet> Packet::parse(Bytes datagram) {
  ByteReader reader(datagram);
  const std::uint8_t first = reader.read_u8();
  const std::uint8_t second = reader.read_u8();
  Packet packet;
  packet.marker = (second & 0x80) != 0;
  packet.payload_type = PayloadType(second & 0x7f);
  packet.sequence = reader.read_u16();
  packet.timestamp = reader.read_u32();
  packet.ssrc = Ssrc(reader.read_u32());
  reader.skip(static_cast<std::size_t>(first & 0x0f) * 4);  // CSRCs
  if (first & extension_bit) {
    packet.extension_profile = reader.read_u16();
    packet.extensions = reader.read_bytes(std::size_t{reader.read_u16()} * 4);
  }
  if (!reader.ok() || (first & 0xc0) != version_2) return std::nullopt;

  packet.payload = reader.rest();
  if (first & padding_bit) {
    // RFC 3550 section 5.1: the last byte counts the padding, itself included.
    const std::size_t padding = packet.payload.empty() ? 0 : packet.payload.back();
    if (padding == 0 || padding > packet.payload.size()) return std::nullopt;
    packet.payload = packet.payload.first(packet.payload.size() - padding);
  }
  return packet;
}

std::optional<Bytes> Packet::extension(std::uint8_t id) const {
  if (id == 0) return std::nullopt;
  if (extension_profile == one_byte_profile) return find_one_byte(extensions, id);
  if ((extension_profile & 0xfff0) == two_byte_profile) return find_two_byte(extensions, id);
  return std::nullopt;
}

void serialize_header(const Packet& packet, MutableBytes out) {
  CHECK(out.size() >= header_size);
  CHECK(packet.payload_type.value() < 128);
  out[0] = version_2;
  out[1] = static_cast<std::uint8_t>((packet.marker ? 0x80 : 0) | packet.payload_type.value());
  store_u16(&out[2], packet.sequence);
  store_u32(&out[4], packet.timestamp);
  store_u32(&out[8], packet.ssrc.value());
}

}  // namespace holdfast::rtp

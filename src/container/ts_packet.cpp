#include "container/ts_packet.hpp"

#include <algorithm>
#include <cstring>

namespace holdfast::container::ts {
namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t room = packet_size - header_size;
constexpr std::size_t pcr_size = 6;
constexpr std::size_t flags_only = 2;  // an adaptation field of its length and its flags

// transport header, section 2.4.3.2
constexpr std::uint8_t unit_start = 0x40;
constexpr std::uint8_t has_payload = 0x10;
constexpr std::uint8_t has_adaptation = 0x20;
// adaptation field flags, section 2.4.3.4
constexpr std::uint8_t discontinuity_flag = 0x80;
constexpr std::uint8_t random_access_flag = 0x40;
constexpr std::uint8_t pcr_flag = 0x10;
constexpr std::uint8_t private_data_flag = 0x02;

// program_clock_reference_base of 33 bits, six reserved bits, and an extension of zero: the unit is a tick.
void store_pcr(std::uint8_t* p, media::Ticks pcr) {
  const auto base = static_cast<std::uint64_t>(pcr) & 0x1'ffff'ffff;
  store_u32(p, static_cast<std::uint32_t>(base >> 1));
  p[4] = static_cast<std::uint8_t>((base & 1) << 7 | 0x7e);
  p[5] = 0;
}

// Writes an adaptation field of `size` bytes, its length byte included; the rest is stuffing. A field of one
// byte has no flags at all (section 2.4.3.5).
void store_adaptation(std::uint8_t* p, std::size_t size, std::uint8_t flags,
                      std::optional<media::Ticks> pcr) {
  p[0] = static_cast<std::uint8_t>(size - 1);
  if (size == 1) return;
  p[1] = flags;
  std::size_t used = 2;
  if (pcr) {
    p[1] |= pcr_flag;
    store_pcr(p + used, *pcr);
    used += pcr_size;
  }
  if ((flags & private_data_flag) != 0) p[used++] = 0;  // transport_private_data_length
  std::memset(p + used, 0xff, size - used);
}

std::size_t adaptation_size(const UnitMarks& marks) {
  if (marks.pcr) return flags_only + pcr_size;
  return marks.random_access == RandomAccess::yes ? flags_only : 0;
}

// Takes bytes off the front of two pieces.
void move_bytes(Bytes& head, Bytes& payload, std::uint8_t* to, std::size_t size) {
  const std::size_t from_head = std::min(size, head.size());
  std::copy_n(head.begin(), from_head, to);
  head = head.subspan(from_head);
  std::copy_n(payload.begin(), size - from_head, to + from_head);
  payload = payload.subspan(size - from_head);
}

}  // namespace

std::uint8_t* PacketWriter::append_packet(ByteVector& out, std::uint8_t flags,
                                          std::uint8_t adaptation_control) {
  // Only payload is counted (section 2.4.3.3).
  if ((adaptation_control & has_payload) != 0) continuity_ = (continuity_ + 1) & 0xf;
  out.resize(out.size() + packet_size);
  std::uint8_t* const packet = out.data() + out.size() - packet_size;
  packet[0] = sync_byte;
  store_u16(packet + 1, static_cast<std::uint16_t>(flags << 8 | pid_.value()));
  packet[3] = static_cast<std::uint8_t>(adaptation_control | continuity_);
  return packet;
}

void PacketWriter::write_pes(Bytes head, Bytes payload, const UnitMarks& marks, ByteVector& out) {
  CHECK(!head.empty() || !payload.empty());
  std::size_t adaptation = adaptation_size(marks);
  std::uint8_t flags = marks.random_access == RandomAccess::yes ? random_access_flag : 0;
  std::optional<media::Ticks> pcr = marks.pcr;
  std::uint8_t start = unit_start;
  while (!head.empty() || !payload.empty()) {
    const std::size_t left = head.size() + payload.size();
    std::size_t size = std::min(left, room - adaptation);
    // The last packet has stuffing, and no other: by that a reader knows, as soon as it is there, that no
    // more comes (a PES packet of video does not say its length). Where the last bytes would leave no room
    // for stuffing (none at all, or only for a field with flags), some go into another packet, and in their
    // place is a field that is full without stuffing: one with flags alone, or with private data of no
    // length.
    const std::size_t free = room - left;  // only if size == left
    if (size == left && (free == adaptation || free == flags_only)) {
      if (free != 0) flags |= private_data_flag;
      size -= free == 0 ? flags_only : 1;
    }
    adaptation = room - size;
    const std::uint8_t control = adaptation == 0 ? has_payload : has_payload | has_adaptation;
    std::uint8_t* const body = append_packet(out, start, control) + header_size;
    if (adaptation > 0) store_adaptation(body, adaptation, flags, pcr);
    move_bytes(head, payload, body + adaptation, size);
    adaptation = 0;
    flags = 0;
    pcr.reset();
    start = 0;
  }
}

void PacketWriter::write_section(Bytes section, ByteVector& out) {
  CHECK(section.size() < room);
  std::uint8_t* const body = append_packet(out, unit_start, has_payload) + header_size;
  body[0] = 0;  // pointer_field
  std::copy(section.begin(), section.end(), body + 1);
  std::memset(body + 1 + section.size(), 0xff, room - 1 - section.size());
}

void PacketWriter::write_pcr(media::Ticks pcr, Discontinuity discontinuity, ByteVector& out) {
  std::uint8_t* const body = append_packet(out, 0, has_adaptation) + header_size;
  store_adaptation(body, room, discontinuity == Discontinuity::yes ? discontinuity_flag : 0, pcr);
}

}  // namespace holdfast::container::ts

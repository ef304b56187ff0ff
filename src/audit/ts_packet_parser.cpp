#include <algorithm>

#include "audit/ts_reader.hpp"
#include "container/ts_tables.hpp"

namespace holdfast::audit {
namespace {

constexpr std::size_t header_size = 4;
constexpr std::size_t room = container::ts::packet_size - header_size;

std::uint64_t read_time(const std::uint8_t* p) {
  return std::uint64_t{p[0] >> 1U & 7U} << 30 | std::uint64_t{load_u16(p + 1)} >> 1 << 15 |
         std::uint64_t{load_u16(p + 3)} >> 1;
}
bool has_markers(const std::uint8_t* p) {
  return (p[0] & 1) != 0 && (p[2] & 1) != 0 && (p[4] & 1) != 0;
}

// The body of a section of `table_id` that lies in one packet, without header and CRC.
std::optional<Bytes> parse_section(Bytes payload, std::uint8_t table_id) {
  if (payload.empty() || payload.size() < 1U + payload[0] + 12U) return std::nullopt;
  const Bytes section = payload.subspan(1U + payload[0]);
  const std::size_t length = load_u16(section.data() + 1) & 0xfff;
  if (section[0] != table_id || length < 9 || length + 3 > section.size()) return std::nullopt;
  // A section with its CRC divides without a rest (Annex A).
  if (container::ts::crc32(section.first(length + 3)) != 0) return std::nullopt;
  return section.subspan(8, length + 3 - 8 - 4);
}

// Opus says who it is in a registration descriptor (section 2.6.8).
bool is_opus(Bytes descriptors) {
  for (ByteReader reader(descriptors); reader.remaining() >= 2;) {
    const std::uint8_t tag = reader.read_u8();
    const Bytes body = reader.read_bytes(reader.read_u8());
    if (tag == 0x05 && as_text(body).starts_with("Opus")) return true;
  }
  return false;
}

// Table 2-34. Nothing: no audio or video that we know.
std::optional<PmtStream> describe(std::uint16_t pid, std::uint8_t type, Bytes descriptors) {
  switch (type) {
    case 0x01:
    case 0x02:
      return PmtStream{pid, media::Kind::video, "mpeg2video"};
    case 0x03:
    case 0x04:
      return PmtStream{pid, media::Kind::audio, "mp3"};
    case 0x0f:
      return PmtStream{pid, media::Kind::audio, "aac"};
    case 0x1b:
      return PmtStream{pid, media::Kind::video, "h264"};
    case 0x24:
      return PmtStream{pid, media::Kind::video, "h265"};
    case 0x06:
      if (is_opus(descriptors)) return PmtStream{pid, media::Kind::audio, "opus"};
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::int64_t ts_distance(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t step = (b - a) & 0x1'ffff'ffff;
  return step < (1ULL << 32) ? static_cast<std::int64_t>(step)
                             : static_cast<std::int64_t>(step) - static_cast<std::int64_t>(1ULL << 33);
}

std::optional<PesHeader> parse_pes_header(Bytes body) {
  if (body.size() < 9 || load_u24(body.data()) != 1 || (body[6] & 0xc0) != 0x80) return std::nullopt;
  PesHeader header{.stream_id = body[3],
                   .length = load_u16(body.data() + 4),
                   .size = std::size_t{9} + body[8],
                   .has_pts = (body[7] & 0x80) != 0};
  const bool has_dts = (body[7] & 0x40) != 0;
  if (has_dts && !header.has_pts) return std::nullopt;
  if (header.size > body.size() || body[8] < (has_dts ? 10 : header.has_pts ? 5 : 0)) return std::nullopt;
  if (!header.has_pts) return header;
  header.markers = has_markers(body.data() + 9);
  header.pts = header.dts = read_time(body.data() + 9);
  if (has_dts) {
    header.dts = read_time(body.data() + 14);
    header.markers = header.markers && has_markers(body.data() + 14);
  }
  return header;
}

std::optional<TsPacket> parse_ts_packet(Bytes packet) {
  const std::uint8_t* const p = packet.data();
  TsPacket parsed;
  parsed.transport_error = (p[1] & 0x80) != 0;
  parsed.unit_start = (p[1] & 0x40) != 0;
  parsed.pid = load_u16(p + 1) & 0x1fff;
  parsed.scrambled = (p[3] & 0xc0) != 0;
  parsed.has_adaptation = (p[3] & 0x20) != 0;
  parsed.has_payload = (p[3] & 0x10) != 0;
  parsed.continuity = p[3] & 0xf;
  if (!parsed.has_adaptation && !parsed.has_payload) return std::nullopt;
  std::size_t used = 0;
  if (parsed.has_adaptation) {
    const std::size_t length = p[4];
    if (parsed.has_payload ? length > room - 2 : length != room - 1) return std::nullopt;
    used = 1 + length;
    if (length > 0) {
      parsed.discontinuity = (p[5] & 0x80) != 0;
      parsed.random_access = (p[5] & 0x40) != 0;
      if ((p[5] & 0x10) != 0) {
        if (length < 7) return std::nullopt;
        parsed.pcr = std::uint64_t{load_u32(p + 6)} << 1 | p[10] >> 7;
      }
    }
  }
  parsed.payload = packet.subspan(header_size + used);
  return parsed;
}

std::optional<std::uint16_t> parse_pat(Bytes payload) {
  const auto body = parse_section(payload, 0);
  if (!body) return std::nullopt;
  for (ByteReader reader(*body); reader.remaining() >= 4;) {
    const std::uint16_t program = reader.read_u16();
    const std::uint16_t pid = reader.read_u16() & 0x1fff;
    if (program != 0) return pid;  // 0 is the network's
  }
  return std::nullopt;
}

std::optional<Pmt> parse_pmt(Bytes payload) {
  const auto body = parse_section(payload, 2);
  if (!body) return std::nullopt;
  ByteReader reader(*body);
  Pmt pmt;
  pmt.pcr_pid = reader.read_u16() & 0x1fff;
  reader.skip(reader.read_u16() & 0xfff);
  while (reader.remaining() > 0 && reader.ok()) {
    const std::uint8_t type = reader.read_u8();
    const std::uint16_t pid = reader.read_u16() & 0x1fff;
    const Bytes descriptors = reader.read_bytes(reader.read_u16() & 0xfff);
    if (auto stream = describe(pid, type, descriptors)) {
      pmt.streams.push_back(*std::move(stream));
    } else {
      pmt.others.push_back(pid);
    }
  }
  if (!reader.ok()) return std::nullopt;
  return pmt;
}

}  // namespace holdfast::audit

#include "container/whole_frames.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "container/ts_packet.hpp"

namespace holdfast::container {
namespace {

// --- MPEG-TS

// A PES packet (ISO/IEC 13818-1 section 2.4.3.7) as far as it has been read.
struct Unit {
  std::uint64_t begin = 0;
  std::optional<std::size_t> declared{};  // bytes of it; nothing: not said, as video may do
  std::size_t seen = 0;
  bool stuffed = false;  // its last packet was filled up: so it was its last
  bool is_pes = true;
  std::optional<media::Ticks> pts{};

  bool is_whole() const { return !is_pes || (declared ? seen >= *declared : stuffed); }
};

// The payload of a packet; empty: it has none.
Bytes payload_of(Bytes packet) {
  const unsigned control = packet[3] >> 4 & 3;
  if ((control & 1) == 0) return {};
  const std::size_t begin = (control & 2) != 0 ? std::size_t{5} + packet[4] : 4;
  return begin < packet.size() ? packet.subspan(begin) : Bytes();
}

// Whether the adaptation field holds more than what its flags announce (section 2.4.3.4): stuffing, by which
// a unit's last packet is filled up.
bool is_stuffed(Bytes packet) {
  if ((packet[3] & 0x20) == 0) return false;
  const std::size_t length = packet[4];
  if (length == 0) return true;
  const std::uint8_t flags = packet[5];
  std::size_t announced = 1;
  if ((flags & 0x10) != 0) announced += 6;  // PCR
  if ((flags & 0x08) != 0) announced += 6;  // OPCR
  if ((flags & 0x04) != 0) announced += 1;  // splice_countdown
  if ((flags & 0x02) != 0 && 5 + announced < packet.size())
    announced += std::size_t{1} + packet[5 + announced];
  return length > announced;
}

Unit begin_unit(std::uint64_t at, Bytes payload) {
  Unit unit{.begin = at};
  unit.is_pes = payload.size() >= 6 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1;
  if (!unit.is_pes) return unit;
  const std::size_t length = load_u16(payload.data() + 4);
  if (length != 0) unit.declared = length + 6;
  if (payload.size() >= 14 && (payload[7] & 0x80) != 0) {
    const std::uint64_t high = payload[9] >> 1 & 7;
    const std::uint64_t middle = load_u16(payload.data() + 10) >> 1;
    const std::uint64_t low = load_u16(payload.data() + 12) >> 1;
    unit.pts = static_cast<media::Ticks>(high << 30 | middle << 15 | low);
  }
  return unit;
}

// What is found in some packets of a file.
struct Units {
  std::map<std::uint16_t, Unit> by_pid;  // the last of each
  const Unit* last = nullptr;            // to which the last packet belongs
  std::size_t frames = 0;                // PES packets begun
};

// `at`: where the packets lie in the file.
Units read_units(Bytes packets, std::uint64_t at) {
  Units found;
  auto& units = found.by_pid;
  for (; packets.size() >= ts::packet_size;
       packets = packets.subspan(ts::packet_size), at += ts::packet_size) {
    const Bytes packet = packets.first(ts::packet_size);
    if (packet[0] != ts::sync_byte) continue;
    const auto pid = static_cast<std::uint16_t>(load_u16(packet.data() + 1) & 0x1fff);
    const Bytes payload = payload_of(packet);
    if (payload.empty()) continue;
    const bool begins = (packet[1] & 0x40) != 0;
    if (begins) {
      units[pid] = begin_unit(at, payload);
      if (units[pid].is_pes) ++found.frames;
    }
    const auto unit = units.find(pid);
    if (unit == units.end()) continue;  // began before what we read
    unit->second.seen += payload.size();
    unit->second.stuffed = is_stuffed(packet);
    found.last = &unit->second;
  }
  return found;
}

Result<WholePart> whole_transport_stream(std::uint64_t size, const ReadAt& read) {
  constexpr std::uint64_t first_window = std::uint64_t{4} << 20;
  std::uint64_t end = size - size % ts::packet_size;
  for (std::uint64_t window = first_window;; window *= 4) {
    const std::uint64_t from = end - std::min(end, window - window % ts::packet_size);
    const auto bytes = read(from, end - from);
    if (!bytes) return std::unexpected(bytes.error());
    Bytes packets(*bytes);
    packets = packets.first(packets.size() - packets.size() % ts::packet_size);
    while (!packets.empty() && packets[packets.size() - ts::packet_size] != ts::sync_byte)
      packets = packets.first(packets.size() - ts::packet_size);
    if (packets.empty() && from > 0) {
      end = from;
      window = first_window / 4;
      continue;
    }
    const Units units = read_units(packets, from);
    const bool is_cut = units.last != nullptr && !units.last->is_whole();
    const bool has_media = units.frames > (is_cut ? 1U : 0U);
    if (!has_media && from > 0) continue;
    WholePart part;
    if (!has_media) return part;
    // Units are written one after the other: only the last can be half.
    part.size = is_cut ? units.last->begin : from + packets.size();
    for (const auto& [pid, unit] : units.by_pid) {
      if (unit.begin < part.size) part.last_pts = std::max(part.last_pts, unit.pts);
    }
    return part;
  }
}

// --- MP4

Result<WholePart> whole_fragments(std::uint64_t size, const ReadAt& read) {
  std::uint64_t at = 0;
  std::uint64_t whole = 0;
  bool has_media = false;
  while (at + 8 <= size) {
    const auto header = read(at, 16);
    if (!header) return std::unexpected(header.error());
    if (header->size() < 8) break;
    const std::string_view type = as_text(Bytes(*header).subspan(4, 4));
    std::uint64_t length = load_u32(header->data());
    if (length == 1 && header->size() == 16) length = load_u64(header->data() + 8);
    // 0 says "to the end of the file" (ISO/IEC 14496-12 section 4.2), which we never write: zeros.
    if (length < 8 || at + length > size) break;
    at += length;
    // A moof without its mdat is nothing.
    has_media = has_media || type == "mdat";
    if (type == "mdat" || type == "mfra" || type == "moov") whole = at;
  }
  return WholePart{has_media ? whole : 0};
}

// --- Matroska (RFC 9559; EBML, RFC 8794)

constexpr std::uint64_t ebml_head = 0x1a45dfa3;
constexpr std::uint64_t segment = 0x18538067;
constexpr std::uint64_t cluster = 0x1f43b675;
constexpr std::uint64_t unknown_size = ~std::uint64_t{0};

struct Element {
  std::uint64_t id = 0;
  std::uint64_t size = 0;  // or unknown_size
  std::size_t header = 0;
};

std::optional<Element> read_element(Bytes bytes) {
  if (bytes.empty() || bytes[0] == 0) return std::nullopt;
  Element element;
  const auto id_length = static_cast<std::size_t>(std::countl_zero(bytes[0])) + 1;
  if (id_length > 4 || bytes.size() <= id_length || bytes[id_length] == 0) return std::nullopt;
  for (std::size_t i = 0; i < id_length; ++i) element.id = element.id << 8 | bytes[i];
  const auto size_length = static_cast<std::size_t>(std::countl_zero(bytes[id_length])) + 1;
  if (bytes.size() < id_length + size_length) return std::nullopt;
  element.size = bytes[id_length] & (0xffU >> size_length);
  for (std::size_t i = 1; i < size_length; ++i) element.size = element.size << 8 | bytes[id_length + i];
  if (element.size == (std::uint64_t{1} << 7 * size_length) - 1) element.size = unknown_size;
  element.header = id_length + size_length;
  return element;
}

Result<WholePart> whole_clusters(std::uint64_t size, const ReadAt& read) {
  constexpr std::uint64_t longest_header = 12;
  std::uint64_t at = 0;
  std::uint64_t whole = 0;
  bool has_cluster = false;
  while (at < size) {
    const auto bytes = read(at, longest_header);
    if (!bytes) return std::unexpected(bytes.error());
    const auto element = read_element(*bytes);
    if (!element) break;
    if (element->id == segment) {
      at += element->header;  // its children follow; its own size is not known before the end
      continue;
    }
    if (element->size == unknown_size || element->size > size || at + element->header + element->size > size)
      break;
    at += element->header + element->size;
    if (element->id != ebml_head) whole = at;
    has_cluster = has_cluster || element->id == cluster;
  }
  return WholePart{has_cluster ? whole : 0};
}

}  // namespace

Result<WholePart> find_whole_part(Format format, std::uint64_t size, const ReadAt& read) {
  switch (format) {
    case Format::mpegts:
      return whole_transport_stream(size, read);
    case Format::mp4:
      return whole_fragments(size, read);
    case Format::mkv:
      return whole_clusters(size, read);
  }
  std::unreachable();
}

}  // namespace holdfast::container

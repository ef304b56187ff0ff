#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/strong.hpp"
#include "media/frame.hpp"

// MPEG-TS packets (ISO/IEC 13818-1 section 2.4.3).
namespace holdfast::container::ts {

inline constexpr std::size_t packet_size = 188;
inline constexpr std::uint8_t sync_byte = 0x47;

// 13 bits.
using Pid = Strong<struct PidTag, std::uint16_t>;

enum class RandomAccess : bool { no, yes };
enum class Discontinuity : bool { no, yes };

// What the first packet of a unit says in its adaptation field (section 2.4.3.4).
struct UnitMarks {
  RandomAccess random_access = RandomAccess::no;
  std::optional<media::Ticks> pcr{};  // wrapped to 33 bits when written
};

// Cuts PES packets and sections into the packets of one PID and counts them. A unit starts a packet and its
// last packet is filled by stuffing, at least one byte of it for a PES packet, so that every unit is whole
// once written, and is known to be.
class PacketWriter {
 public:
  explicit PacketWriter(Pid pid) : pid_(pid) { CHECK(pid.value() < 0x2000); }

  Pid pid() const { return pid_; }
  // A PES packet, given in two pieces so that the payload is moved once. Not empty.
  void write_pes(Bytes head, Bytes payload, const UnitMarks& marks, ByteVector& out);
  // A section with its CRC, at most 183 bytes (section 2.4.4).
  void write_section(Bytes section, ByteVector& out);
  // A packet with a clock reference and no payload.
  void write_pcr(media::Ticks pcr, Discontinuity discontinuity, ByteVector& out);

 private:
  std::uint8_t* append_packet(ByteVector& out, std::uint8_t flags, std::uint8_t adaptation_control);

  Pid pid_;
  std::uint8_t continuity_ = 15;  // of the last packet with payload
};

}  // namespace holdfast::container::ts

#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "container/ts_packet.hpp"

// Program tables (ISO/IEC 13818-1 section 2.4.4) for one program.
namespace holdfast::container::ts {

inline constexpr Pid pat_pid{0};
inline constexpr Pid pmt_pid{0x1000};
inline constexpr std::uint16_t program_number = 1;

// Table 2-34; Opus is private data with descriptors.
enum class StreamType : std::uint8_t { private_data = 0x06, adts_aac = 0x0f, h264 = 0x1b };

struct ProgramStream {
  Pid pid;
  media::Codec codec;  // h264, aac or opus (two channels)
};

// CRC of Annex A: polynomial 0x04c11db7, start value all ones, not reflected, not inverted.
std::uint32_t crc32(Bytes bytes);

// Sections from table_id to CRC. At most eight streams fit into a packet.
ByteVector make_pat();
ByteVector make_pmt(Pid pcr_pid, std::span<const ProgramStream> streams);

}  // namespace holdfast::container::ts

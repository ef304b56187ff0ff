#include "container/ts_tables.hpp"

#include <array>
#include <utility>

namespace holdfast::container::ts {
namespace {

constexpr std::uint8_t table_id_pat = 0;
constexpr std::uint8_t table_id_pmt = 2;
constexpr std::uint16_t transport_stream_id = 1;

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i << 24;
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ ((crc & 0x8000'0000) != 0 ? 0x04c1'1db7U : 0U);
    table[i] = crc;
  }
  return table;
}();

constexpr std::uint16_t reserved3(std::uint16_t value) {
  return static_cast<std::uint16_t>(0xe000 | value);
}
constexpr std::uint16_t reserved4(std::uint16_t value) {
  return static_cast<std::uint16_t>(0xf000 | value);
}

// The long section header (section 2.4.4.11): version 0, current, the only section.
void begin_section(ByteWriter& writer, std::uint8_t table_id, std::uint16_t id) {
  writer.write_u8(table_id);
  writer.write_u16(0);  // section_length, set at the end
  writer.write_u16(id);
  writer.write_u8(0xc1);
  writer.write_u8(0);
  writer.write_u8(0);
}

ByteVector end_section(ByteVector section) {
  const std::size_t length = section.size() + 4 - 3;
  store_u16(section.data() + 1, static_cast<std::uint16_t>(0xb000 | length));
  ByteWriter(section).write_u32(crc32(section));
  return section;
}

StreamType stream_type(media::Codec codec) {
  switch (codec) {
    case media::Codec::h264:
      return StreamType::h264;
    case media::Codec::aac:
      return StreamType::adts_aac;
    case media::Codec::opus:
      return StreamType::private_data;
    case media::Codec::vp8:
      break;
  }
  std::unreachable();  // not in codecs_of(Format::mpegts)
}

// As "Opus in MPEG-TS" (opus-codec.org, 2014) has it: a registration descriptor (ISO/IEC 13818-1
// section 2.6.8) and a DVB extension descriptor (ETSI EN 300 468 section 6.2.16) with channel_config_code 2,
// stereo.
constexpr std::array<std::uint8_t, 10> opus_descriptors = {0x05, 4, 'O', 'p', 'u', 's', 0x7f, 2, 0x80, 2};

}  // namespace

std::uint32_t crc32(Bytes bytes) {
  std::uint32_t crc = 0xffff'ffff;
  for (const std::uint8_t byte : bytes) crc = crc << 8 ^ crc_table[crc >> 24 ^ byte];
  return crc;
}

ByteVector make_pat() {
  ByteVector section;
  ByteWriter writer(section);
  begin_section(writer, table_id_pat, transport_stream_id);
  writer.write_u16(program_number);
  writer.write_u16(reserved3(pmt_pid.value()));
  return end_section(std::move(section));
}

ByteVector make_pmt(Pid pcr_pid, std::span<const ProgramStream> streams) {
  ByteVector section;
  ByteWriter writer(section);
  begin_section(writer, table_id_pmt, program_number);
  writer.write_u16(reserved3(pcr_pid.value()));
  writer.write_u16(reserved4(0));  // program_info_length
  for (const ProgramStream& stream : streams) {
    const Bytes descriptors = stream.codec == media::Codec::opus ? Bytes(opus_descriptors) : Bytes();
    writer.write_u8(static_cast<std::uint8_t>(stream_type(stream.codec)));
    writer.write_u16(reserved3(stream.pid.value()));
    writer.write_u16(reserved4(static_cast<std::uint16_t>(descriptors.size())));
    writer.write_bytes(descriptors);
  }
  return end_section(std::move(section));
}

}  // namespace holdfast::container::ts

#include "container/elementary_stream.hpp"

#include <array>

#include "codec/h264_bitstream.hpp"

namespace holdfast::container::ts {
namespace {

// access_unit_delimiter_rbsp with primary_pic_type 7: any slice may follow (ITU-T H.264 table 7-5).
constexpr std::array<std::uint8_t, 2> delimiter = {0x09, 0xf0};

struct BeforeSlices {
  Bytes delimiter;  // empty: none
  bool has_sps = false;
  bool has_pps = false;
};

BeforeSlices look_before_slices(Bytes access_unit) {
  BeforeSlices found;
  codec::NalReader nals(access_unit);
  while (const auto nal = nals.next()) {
    const codec::NalType type = codec::nal_type(*nal);
    if (codec::is_slice(type)) break;
    if (type == codec::NalType::aud && found.delimiter.empty()) found.delimiter = *nal;
    found.has_sps |= type == codec::NalType::sps;
    found.has_pps |= type == codec::NalType::pps;
  }
  return found;
}

// Delta frames are the many: one look at the first byte after the start code does, without a walk to the end
// of a slice.
bool begins_with_delimiter(Bytes access_unit) {
  for (const std::size_t start_code : {std::size_t{4}, std::size_t{3}}) {
    if (access_unit.size() <= start_code || access_unit[start_code - 1] != 1) continue;
    return codec::nal_type(access_unit.subspan(start_code)) == codec::NalType::aud;
  }
  return false;
}

struct AdtsFields {
  std::uint8_t object_type;
  std::uint8_t frequency_index;
  std::uint8_t channel_configuration;
};

// The first fields of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
AdtsFields adts_fields(Bytes config) {
  const unsigned bits = load_u16(config.data());
  return {static_cast<std::uint8_t>(bits >> 11), static_cast<std::uint8_t>(bits >> 7 & 0xf),
          static_cast<std::uint8_t>(bits >> 3 & 0xf)};
}

}  // namespace

Bytes frame_h264(Bytes access_unit, media::Picture picture, Bytes parameter_sets, ByteVector& out) {
  if (picture == media::Picture::delta) {
    if (!begins_with_delimiter(access_unit)) codec::append_annex_b(delimiter, out);
    return access_unit;
  }
  const BeforeSlices found = look_before_slices(access_unit);
  Bytes rest = access_unit;
  if (!found.delimiter.empty() && begins_with_delimiter(access_unit)) {
    codec::append_annex_b(found.delimiter, out);
    rest = access_unit.last(static_cast<std::size_t>(access_unit.data() + access_unit.size() -
                                                     (found.delimiter.data() + found.delimiter.size())));
  } else {
    codec::append_annex_b(delimiter, out);
  }
  if (!found.has_sps || !found.has_pps) ByteWriter(out).write_bytes(parameter_sets);
  return rest;
}

bool is_adts_config(Bytes config) {
  if (config.size() < 2) return false;
  const AdtsFields fields = adts_fields(config);
  return fields.object_type >= 1 && fields.object_type <= 4 && fields.frequency_index <= 12 &&
         fields.channel_configuration >= 1 && fields.channel_configuration <= 7;
}

void append_adts_header(Bytes config, std::size_t size, ByteVector& out) {
  const AdtsFields fields = adts_fields(config);
  const std::size_t frame = size + adts_header_size;
  const unsigned profile = fields.object_type - 1U;
  const unsigned channels = fields.channel_configuration;
  out.push_back(0xff);
  out.push_back(0xf1);  // syncword, MPEG-4, no CRC
  out.push_back(
      static_cast<std::uint8_t>(profile << 6 | unsigned{fields.frequency_index} << 2 | channels >> 2));
  out.push_back(static_cast<std::uint8_t>((channels & 3) << 6 | frame >> 11));
  out.push_back(static_cast<std::uint8_t>(frame >> 3));
  out.push_back(static_cast<std::uint8_t>((frame & 7) << 5 | 0x1f));  // buffer fullness: variable rate
  out.push_back(0xfc);                                                // and one raw_data_block
}

void append_opus_control_header(std::size_t size, ByteVector& out) {
  out.push_back(0x7f);
  out.push_back(0xe0);
  for (; size >= 255; size -= 255) out.push_back(255);
  out.push_back(static_cast<std::uint8_t>(size));
}

}  // namespace holdfast::container::ts

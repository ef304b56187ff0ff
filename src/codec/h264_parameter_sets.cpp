#include <algorithm>
#include <array>

#include "codec/bit_reader.hpp"
#include "codec/h264_bitstream.hpp"

namespace holdfast::codec {
namespace {

constexpr std::int64_t max_side = 16'384;
constexpr std::uint32_t max_macroblocks_a_side = max_side / 16;
constexpr std::uint8_t constraint_set3 = 0x10;
constexpr std::uint32_t extended_sar = 255;

// Section 7.3.2.1.1: the profiles whose SPS has the chroma format and its followers.
bool has_chroma_fields(std::uint8_t profile) {
  static constexpr std::array<std::uint8_t, 13> profiles = {100, 110, 122, 244, 44,  83, 86,
                                                            118, 128, 138, 139, 134, 135};
  return std::ranges::find(profiles, profile) != profiles.end();
}

// Section 7.3.2.1.1.1.
void skip_scaling_list(BitReader& bits, int size) {
  int last = 8;
  int next = 8;
  for (int i = 0; i < size && bits.ok(); ++i) {
    if (next != 0) next = (last + bits.read_signed() % 256 + 256) % 256;
    last = next == 0 ? last : next;
  }
}

void read_chroma_fields(BitReader& bits, Sps& sps, bool& separate_planes) {
  const std::uint32_t chroma_format = bits.read_unsigned();
  if (chroma_format == 3) separate_planes = bits.read_flag();
  const std::uint32_t luma = bits.read_unsigned();
  const std::uint32_t chroma = bits.read_unsigned();
  bits.skip_bits(1);  // qpprime_y_zero_transform_bypass_flag
  sps.chroma_format = static_cast<std::uint8_t>(std::min(chroma_format, 4u));
  sps.bit_depth_luma = static_cast<std::uint8_t>(8 + std::min(luma, 7u));
  sps.bit_depth_chroma = static_cast<std::uint8_t>(8 + std::min(chroma, 7u));
  if (!bits.read_flag()) return;
  const int lists = chroma_format == 3 ? 12 : 8;
  for (int i = 0; i < lists && bits.ok(); ++i) {
    if (bits.read_flag()) skip_scaling_list(bits, i < 6 ? 16 : 64);
  }
}

// Gives pic_order_cnt_type.
std::uint32_t read_picture_order(BitReader& bits) {
  const std::uint32_t type = bits.read_unsigned();
  if (type == 0) {
    bits.read_unsigned();  // log2_max_pic_order_cnt_lsb_minus4
  } else if (type == 1) {
    bits.skip_bits(1);
    bits.read_signed();
    bits.read_signed();
    const std::uint32_t cycle = bits.read_unsigned();
    for (std::uint32_t i = 0; i < cycle && bits.ok(); ++i) bits.read_signed();
  }
  return type;
}

// Section 7.4.2.1.1: cropping counts in chroma samples, and in pairs of lines where pictures may be fields.
bool read_size(BitReader& bits, bool separate_planes, Sps& sps) {
  const std::uint32_t columns = bits.read_unsigned();
  const std::uint32_t rows = bits.read_unsigned();
  const bool frames_only = bits.read_flag();
  if (!frames_only) bits.skip_bits(1);  // mb_adaptive_frame_field_flag
  bits.skip_bits(1);                    // direct_8x8_inference_flag
  if (columns >= max_macroblocks_a_side || rows >= max_macroblocks_a_side) return false;
  std::int64_t width = (std::int64_t{columns} + 1) * 16;
  std::int64_t height = (std::int64_t{rows} + 1) * 16 * (frames_only ? 1 : 2);
  if (bits.read_flag()) {
    const std::uint8_t chroma = separate_planes ? 0 : sps.chroma_format;
    const std::int64_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1;
    const std::int64_t unit_y = std::int64_t{chroma == 1 ? 2 : 1} * (frames_only ? 1 : 2);
    const std::int64_t left = bits.read_unsigned();
    const std::int64_t right = bits.read_unsigned();
    const std::int64_t top = bits.read_unsigned();
    const std::int64_t bottom = bits.read_unsigned();
    width -= (left + right) * unit_x;
    height -= (top + bottom) * unit_y;
  }
  if (width <= 0 || height <= 0 || height > max_side) return false;
  sps.width = static_cast<int>(width);
  sps.height = static_cast<int>(height);
  return true;
}

// Annex E.1.2.
void skip_hrd(BitReader& bits) {
  const std::uint32_t count = bits.read_unsigned();
  bits.skip_bits(8);
  for (std::uint32_t i = 0; i <= count && bits.ok(); ++i) {
    bits.read_unsigned();
    bits.read_unsigned();
    bits.skip_bits(1);
  }
  bits.skip_bits(20);
}

// Annex E.1.1, for the timing, and max_num_reorder_frames near its end, which is what is returned.
std::optional<int> read_vui(BitReader& bits, Sps& sps) {
  if (bits.read_flag() && bits.read_bits(8) == extended_sar) bits.skip_bits(32);
  if (bits.read_flag()) bits.skip_bits(1);  // overscan
  if (bits.read_flag()) {                   // video signal type
    bits.skip_bits(4);
    if (bits.read_flag()) bits.skip_bits(24);
  }
  if (bits.read_flag()) {  // chroma sample location
    bits.read_unsigned();
    bits.read_unsigned();
  }
  if (bits.read_flag()) {  // timing
    sps.units_in_tick = bits.read_bits(32);
    sps.time_scale = bits.read_bits(32);
    bits.skip_bits(1);  // fixed_frame_rate_flag
  }
  const bool nal_hrd = bits.read_flag();
  if (nal_hrd) skip_hrd(bits);
  const bool vcl_hrd = bits.read_flag();
  if (vcl_hrd) skip_hrd(bits);
  if (nal_hrd || vcl_hrd) bits.skip_bits(1);  // low_delay_hrd_flag
  bits.skip_bits(1);                          // pic_struct_present_flag
  if (!bits.read_flag()) return std::nullopt;
  bits.skip_bits(1);  // motion_vectors_over_pic_boundaries_flag
  for (int i = 0; i < 4; ++i) bits.read_unsigned();
  const std::uint32_t frames = bits.read_unsigned();
  if (!bits.ok() || frames > 16) return std::nullopt;
  return static_cast<int>(frames);
}

// Baseline has no B slices (section A.2.1), picture order count type 2 forbids reordering (section 8.2.1.3),
// and constraint_set3 makes the High profiles intra only (section A.2.8 on).
bool cannot_reorder(const Sps& sps, std::uint32_t picture_order_type) {
  const bool intra_only = (sps.constraints & constraint_set3) && sps.profile >= 100;
  return sps.profile == 66 || sps.profile == 44 || picture_order_type == 2 || intra_only;
}

}  // namespace

std::optional<Sps> Sps::parse(Bytes nal) {
  if (nal.empty() || nal_type(nal) != NalType::sps) return std::nullopt;
  BitReader bits(nal.subspan(1));
  Sps sps;
  sps.profile = static_cast<std::uint8_t>(bits.read_bits(8));
  sps.constraints = static_cast<std::uint8_t>(bits.read_bits(8));
  sps.level = static_cast<std::uint8_t>(bits.read_bits(8));
  const std::uint32_t id = bits.read_unsigned();
  bool separate_planes = false;
  if (has_chroma_fields(sps.profile)) read_chroma_fields(bits, sps, separate_planes);
  bits.read_unsigned();  // log2_max_frame_num_minus4
  const std::uint32_t picture_order_type = read_picture_order(bits);
  bits.read_unsigned();  // max_num_ref_frames
  bits.skip_bits(1);     // gaps_in_frame_num_value_allowed_flag
  const bool sized = read_size(bits, separate_planes, sps);
  const bool has_vui = bits.read_flag();
  if (!bits.ok() || !sized || id > 31 || sps.chroma_format > 3 || picture_order_type > 2) return std::nullopt;
  sps.id = static_cast<std::uint8_t>(id);
  if (has_vui) sps.max_reorder_frames = read_vui(bits, sps);
  if (cannot_reorder(sps, picture_order_type)) sps.max_reorder_frames = 0;
  return sps;
}

std::optional<Pps> Pps::parse(Bytes nal) {
  if (nal.empty() || nal_type(nal) != NalType::pps) return std::nullopt;
  BitReader bits(nal.subspan(1));
  const std::uint32_t id = bits.read_unsigned();
  const std::uint32_t sps_id = bits.read_unsigned();
  if (!bits.ok() || id > 255 || sps_id > 31) return std::nullopt;
  return Pps{static_cast<std::uint8_t>(id), static_cast<std::uint8_t>(sps_id)};
}

std::optional<SliceHeader> SliceHeader::parse(Bytes nal) {
  if (nal.empty() || !is_slice(nal_type(nal))) return std::nullopt;
  BitReader bits(nal.subspan(1));
  const std::uint32_t first_macroblock = bits.read_unsigned();
  const std::uint32_t type = bits.read_unsigned();
  const std::uint32_t pps_id = bits.read_unsigned();
  if (!bits.ok() || type > 9 || pps_id > 255) return std::nullopt;
  // Table 7-6: 2 and 7 are I, 4 and 9 are SI.
  return SliceHeader{first_macroblock, type % 5 == 2 || type % 5 == 4, static_cast<std::uint8_t>(pps_id)};
}

}  // namespace holdfast::codec

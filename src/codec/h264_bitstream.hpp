#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

// H.264 as bytes: NAL units, Annex B and length-prefixed form, and what must be known of parameter sets and
// slices (ITU-T H.264 sections 7.3, 7.4, Annex B, Annex E; ISO/IEC 14496-15 section 5.3.3.1).
namespace holdfast::codec {

// ITU-T H.264 table 7-1, and above 23 the RTP packet types of RFC 6184 table 1.
enum class NalType : std::uint8_t {
  slice = 1,
  partition_a = 2,
  idr = 5,
  sei = 6,
  sps = 7,
  pps = 8,
  aud = 9,
  stap_a = 24,
  stap_b = 25,
  mtap16 = 26,
  mtap24 = 27,
  fu_a = 28,
  fu_b = 29,
};

// `nal` is not empty.
constexpr NalType nal_type(Bytes nal) {
  return static_cast<NalType>(nal[0] & 0x1f);
}
// A slice or slice data partition: what makes an access unit a picture.
constexpr bool is_slice(NalType type) {
  return type >= NalType::slice && type <= NalType::idr;
}

// Walks the NAL units of an Annex B stream, with start codes of three or four bytes:
//   for (NalReader nals(annex_b); auto nal = nals.next();) ...
// Units are never empty and come without their trailing zero bytes.
class NalReader {
 public:
  explicit NalReader(Bytes annex_b);
  std::optional<Bytes> next();

 private:
  Bytes rest_;  // begins right after a start code
};

// Appends the unit with a start code of four bytes.
void append_annex_b(Bytes nal, ByteVector& out);
// Appends the units of an Annex B stream, each after its length in four bytes, as MP4 and Matroska want it.
void append_length_prefixed(Bytes annex_b, ByteVector& out);
// The AVCDecoderConfigurationRecord for SPS and PPS in Annex B (media::TrackFormat::config), with lengths of
// four bytes. Nothing when there is no readable SPS or no PPS among them.
std::optional<ByteVector> make_avc_record(Bytes parameter_sets);
// Whether an access unit in Annex B has an IDR slice.
bool has_idr(Bytes annex_b);

// A sequence parameter set as far as a recorder needs it.
struct Sps {
  std::uint8_t id = 0;  // 0..31
  std::uint8_t profile = 0;
  std::uint8_t constraints = 0;  // the six constraint_set flags and two reserved bits
  std::uint8_t level = 0;
  std::uint8_t chroma_format = 1;
  std::uint8_t bit_depth_luma = 8;
  std::uint8_t bit_depth_chroma = 8;
  int width = 0;  // of the picture shown: cropped
  int height = 0;
  // By how many frames output may lag behind decoding. As the VUI says; 0 where the profile or picture order
  // count type rules reordering out; nothing where neither says.
  std::optional<int> max_reorder_frames;
  // A tick is units_in_tick / time_scale seconds, a frame two of them (section E.2.1); 0: not said.
  std::uint32_t units_in_tick = 0;
  std::uint32_t time_scale = 0;

  // `nal` with its header byte. Nothing for what is broken or beyond 16,384 pixels a side.
  static std::optional<Sps> parse(Bytes nal);
};

struct Pps {
  std::uint8_t id = 0;
  std::uint8_t sps_id = 0;  // 0..31

  static std::optional<Pps> parse(Bytes nal);
};

// The first fields of a slice header (section 7.3.3); `nal` is a slice or its first fragment.
struct SliceHeader {
  std::uint32_t first_macroblock = 0;
  bool is_intra = false;  // slice_type I or SI
  std::uint8_t pps_id = 0;

  static std::optional<SliceHeader> parse(Bytes nal);
};

// The number that the first readable SPS in `parameter_sets` (Annex B) gives: what decode times are made
// from.
std::optional<int> max_reorder_frames(Bytes parameter_sets);

}  // namespace holdfast::codec

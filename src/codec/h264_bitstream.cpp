#include "codec/h264_bitstream.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

namespace holdfast::codec {
namespace {

// The first "00 00 01" at or after `from`, or the end.
std::size_t find_start_code(Bytes bytes, std::size_t from) {
  for (std::size_t at = from; at + 3 <= bytes.size(); ++at) {
    // The third byte tells how far the next candidate can be.
    if (bytes[at + 2] > 1) {
      at += 2;
    } else if (bytes[at] == 0 && bytes[at + 1] == 0 && bytes[at + 2] == 1) {
      return at;
    }
  }
  return bytes.size();
}

Bytes after_start_code(Bytes bytes) {
  const std::size_t at = find_start_code(bytes, 0);
  return at == bytes.size() ? Bytes() : bytes.subspan(at + 3);
}

Bytes without_trailing_zeros(Bytes bytes) {
  while (!bytes.empty() && bytes.back() == 0) bytes = bytes.first(bytes.size() - 1);
  return bytes;
}

}  // namespace

NalReader::NalReader(Bytes annex_b) : rest_(after_start_code(annex_b)) {}

std::optional<Bytes> NalReader::next() {
  while (!rest_.empty()) {
    const std::size_t end = find_start_code(rest_, 0);
    const Bytes nal = without_trailing_zeros(rest_.first(end));
    rest_ = rest_.subspan(std::min(end + 3, rest_.size()));
    if (!nal.empty()) return nal;
  }
  return std::nullopt;
}

void append_annex_b(Bytes nal, ByteVector& out) {
  ByteWriter writer(out);
  writer.write_u32(1);
  writer.write_bytes(nal);
}

void append_length_prefixed(Bytes annex_b, ByteVector& out) {
  ByteWriter writer(out);
  for (NalReader nals(annex_b); const auto nal = nals.next();) {
    writer.write_u32(static_cast<std::uint32_t>(nal->size()));
    writer.write_bytes(*nal);
  }
}

std::optional<ByteVector> make_avc_record(Bytes parameter_sets) {
  std::vector<Bytes> sps_nals;
  std::vector<Bytes> pps_nals;
  for (NalReader nals(parameter_sets); const auto nal = nals.next();) {
    if (nal->size() > UINT16_MAX) return std::nullopt;
    if (nal_type(*nal) == NalType::sps) sps_nals.push_back(*nal);
    if (nal_type(*nal) == NalType::pps) pps_nals.push_back(*nal);
  }
  if (sps_nals.empty() || sps_nals.size() > 31 || pps_nals.empty() || pps_nals.size() > 255)
    return std::nullopt;
  const std::optional<Sps> sps = Sps::parse(sps_nals.front());
  if (!sps) return std::nullopt;

  ByteVector record;
  ByteWriter writer(record);
  const auto write_all = [&](const std::vector<Bytes>& nals) {
    for (const Bytes nal : nals) {
      writer.write_u16(static_cast<std::uint16_t>(nal.size()));
      writer.write_bytes(nal);
    }
  };
  writer.write_u8(1);  // configurationVersion
  writer.write_u8(sps->profile);
  writer.write_u8(sps->constraints);
  writer.write_u8(sps->level);
  writer.write_u8(0xfc | 3);  // lengths of four bytes
  writer.write_u8(static_cast<std::uint8_t>(0xe0 | sps_nals.size()));
  write_all(sps_nals);
  writer.write_u8(static_cast<std::uint8_t>(pps_nals.size()));
  write_all(pps_nals);
  // ISO/IEC 14496-15 section 5.3.3.1.2: High profiles say more.
  if (sps->profile == 100 || sps->profile == 110 || sps->profile == 122 || sps->profile == 144) {
    writer.write_u8(0xfc | sps->chroma_format);
    writer.write_u8(static_cast<std::uint8_t>(0xf8 | (sps->bit_depth_luma - 8)));
    writer.write_u8(static_cast<std::uint8_t>(0xf8 | (sps->bit_depth_chroma - 8)));
    writer.write_u8(0);  // no SPS extensions
  }
  return record;
}

bool has_idr(Bytes annex_b) {
  for (NalReader nals(annex_b); const auto nal = nals.next();) {
    if (nal_type(*nal) == NalType::idr) return true;
  }
  return false;
}

std::optional<int> max_reorder_frames(Bytes parameter_sets) {
  for (NalReader nals(parameter_sets); const auto nal = nals.next();) {
    if (nal_type(*nal) != NalType::sps) continue;
    if (const auto sps = Sps::parse(*nal)) return sps->max_reorder_frames;
  }
  return std::nullopt;
}

}  // namespace holdfast::codec

#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

// Makes H.264 parameter sets for tests, bit by bit.
namespace holdfast::codec {

class TestBits {
 public:
  void bits(std::uint32_t value, int count) {
    for (int shift = count - 1; shift >= 0; --shift) bit(value >> shift & 1);
  }
  void unsigned_code(std::uint32_t value) {
    int length = 0;
    while ((std::uint64_t{value} + 1) >> (length + 1)) ++length;
    bits(0, length);
    bits(value + 1, length + 1);
  }
  void stop() {
    bit(1);
    while (used_ % 8 != 0) bit(0);
  }
  // The bits as a NAL unit, with emulation prevention.
  ByteVector nal(std::uint8_t header) const {
    ByteVector out = {header};
    int zeros = 0;
    for (const std::uint8_t byte : bytes_) {
      if (zeros >= 2 && byte <= 3) {
        out.push_back(3);
        zeros = 0;
      }
      zeros = byte == 0 ? zeros + 1 : 0;
      out.push_back(byte);
    }
    return out;
  }

 private:
  void bit(std::uint32_t value) {
    if (used_ % 8 == 0) bytes_.push_back(0);
    bytes_.back() |= static_cast<std::uint8_t>(value << (7 - used_ % 8));
    ++used_;
  }

  ByteVector bytes_;
  int used_ = 0;
};

struct TestSps {
  std::uint32_t profile = 66;
  std::uint32_t id = 0;
  std::uint32_t picture_order_type = 0;
  std::uint32_t columns = 40;  // macroblocks
  std::uint32_t rows = 30;
  bool frames_only = true;
  std::uint32_t crop_right = 0;  // in crop units
  std::uint32_t crop_bottom = 0;
  bool scaling_lists = false;                     // High profiles only
  std::optional<std::uint32_t> reorder_frames{};  // in a VUI with every optional part
};

inline ByteVector make_test_sps(const TestSps& sps) {
  TestBits out;
  out.bits(sps.profile, 8);
  out.bits(0, 8);
  out.bits(31, 8);
  out.unsigned_code(sps.id);
  if (sps.profile == 100) {
    out.unsigned_code(1);  // 4:2:0
    out.unsigned_code(0);
    out.unsigned_code(0);
    out.bits(0, 1);
    out.bits(sps.scaling_lists, 1);
    for (int list = 0; sps.scaling_lists && list < 8; ++list) {
      out.bits(list % 2 == 0, 1);
      if (list % 2 != 0) continue;
      for (int i = 0; i < (list < 6 ? 16 : 64); ++i) out.unsigned_code(i % 2 ? 1 : 2);  // +1, -1
    }
  }
  out.unsigned_code(0);
  out.unsigned_code(sps.picture_order_type);
  if (sps.picture_order_type == 0) out.unsigned_code(2);
  out.unsigned_code(1);
  out.bits(0, 1);
  out.unsigned_code(sps.columns - 1);
  out.unsigned_code(sps.rows - 1);
  out.bits(sps.frames_only, 1);
  if (!sps.frames_only) out.bits(0, 1);
  out.bits(1, 1);
  const bool cropped = sps.crop_right || sps.crop_bottom;
  out.bits(cropped, 1);
  if (cropped) {
    for (const std::uint32_t side : {0u, sps.crop_right, 0u, sps.crop_bottom}) out.unsigned_code(side);
  }
  out.bits(sps.reorder_frames.has_value(), 1);
  if (sps.reorder_frames) {
    out.bits(1, 1), out.bits(255, 8), out.bits(0x00010001, 32);         // sample aspect ratio
    out.bits(3, 2);                                                     // overscan
    out.bits(1, 1), out.bits(0xa, 4), out.bits(1, 1), out.bits(0, 24);  // video signal
    out.bits(1, 1), out.unsigned_code(0), out.unsigned_code(0);         // chroma location
    out.bits(1, 1), out.bits(1, 32), out.bits(50, 32), out.bits(1, 1);  // timing
    for (int hrd = 0; hrd < 2; ++hrd) {
      out.bits(1, 1), out.unsigned_code(0), out.bits(0, 8);
      out.unsigned_code(1000), out.unsigned_code(2000), out.bits(1, 1), out.bits(0, 20);
    }
    out.bits(0, 2);
    out.bits(1, 1), out.bits(1, 1);
    for (int i = 0; i < 4; ++i) out.unsigned_code(9);
    out.unsigned_code(*sps.reorder_frames);
    out.unsigned_code(4);
  }
  out.stop();
  return out.nal(0x67);
}

}  // namespace holdfast::codec

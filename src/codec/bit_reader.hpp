#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace holdfast::codec {

// Reads bits from the payload of a NAL unit (ITU-T H.264 section 7.2), stepping over emulation prevention
// bytes. A read past the end gives zero and makes ok() false for good.
class BitReader {
 public:
  // `payload`: the NAL unit without its header byte.
  explicit BitReader(Bytes payload) : rest_(payload) {}

  // At most 32 bits.
  std::uint32_t read_bits(int count) {
    std::uint32_t value = 0;
    for (; count > 0; --count) value = value << 1 | read_bit();
    return value;
  }
  bool read_flag() { return read_bit() != 0; }
  void skip_bits(int count) {
    for (; count > 0 && ok_; --count) read_bit();
  }

  // Exp-Golomb codes, section 9.1: unsigned and signed. Codes of more than 32 bits are broken.
  std::uint32_t read_unsigned() {
    int zeros = 0;
    while (ok_ && read_bit() == 0) ++zeros;
    if (zeros >= 32) ok_ = false;
    return ok_ ? (std::uint32_t{1} << zeros) - 1 + read_bits(zeros) : 0;
  }
  std::int32_t read_signed() {
    const std::int64_t code = read_unsigned();
    return static_cast<std::int32_t>(code % 2 == 0 ? -code / 2 : (code + 1) / 2);
  }

  bool ok() const { return ok_; }

 private:
  std::uint32_t read_bit() {
    if (bits_left_ == 0) load_byte();
    if (!ok_) return 0;
    --bits_left_;
    return current_ >> bits_left_ & 1u;
  }

  void load_byte() {
    if (zeros_ >= 2 && !rest_.empty() && rest_[0] == 3) {
      rest_ = rest_.subspan(1);
      zeros_ = 0;
    }
    if (rest_.empty()) {
      ok_ = false;
      return;
    }
    current_ = rest_[0];
    rest_ = rest_.subspan(1);
    zeros_ = current_ == 0 ? zeros_ + 1 : 0;
    bits_left_ = 8;
  }

  Bytes rest_;
  std::uint32_t current_ = 0;
  int bits_left_ = 0;
  int zeros_ = 0;
  bool ok_ = true;
};

}  // namespace holdfast::codec

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using ByteVector = std::vector<std::uint8_t>;

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Big-endian fields at a fixed place. The caller has checked the size.
constexpr std::uint16_t load_u16(const std::uint8_t* p) {
  return static_cast<std::uint16_t>(p[0] << 8 | p[1]);
}
constexpr std::uint32_t load_u24(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 16 | std::uint32_t{p[1]} << 8 | std::uint32_t{p[2]};
}
constexpr std::uint32_t load_u32(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | load_u24(p + 1);
}
constexpr std::uint64_t load_u64(const std::uint8_t* p) {
  return std::uint64_t{load_u32(p)} << 32 | std::uint64_t{load_u32(p + 4)};
}
constexpr void store_u16(std::uint8_t* p, std::uint16_t value) {
  p[0] = static_cast<std::uint8_t>(value >> 8);
  p[1] = static_cast<std::uint8_t>(value);
}
constexpr void store_u32(std::uint8_t* p, std::uint32_t value) {
  store_u16(p, static_cast<std::uint16_t>(value >> 16));
  store_u16(p + 2, static_cast<std::uint16_t>(value));
}
constexpr void store_u64(std::uint8_t* p, std::uint64_t value) {
  store_u32(p, static_cast<std::uint32_t>(value >> 32));
  store_u32(p + 4, static_cast<std::uint32_t>(value));
}

// Reads big-endian fields from hostile bytes. A read past the end gives zero and makes ok() false for good,
// so a parser may read a whole header and check once.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  std::uint8_t read_u8() { return static_cast<std::uint8_t>(read(1)); }
  std::uint16_t read_u16() { return static_cast<std::uint16_t>(read(2)); }
  std::uint32_t read_u24() { return static_cast<std::uint32_t>(read(3)); }
  std::uint32_t read_u32() { return static_cast<std::uint32_t>(read(4)); }
  std::uint64_t read_u64() { return read(8); }

  Bytes read_bytes(std::size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const Bytes head = rest_.first(count);
    rest_ = rest_.subspan(count);
    return head;
  }
  void skip(std::size_t count) { read_bytes(count); }

  Bytes rest() const { return rest_; }
  std::size_t remaining() const { return rest_.size(); }
  bool ok() const { return ok_; }

 private:
  std::uint64_t read(std::size_t count) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : read_bytes(count)) value = value << 8 | byte;
    return value;
  }

  Bytes rest_;
  bool ok_ = true;
};

// Empties it. Memory that only something large needed, as a key frame does, is given back: hundreds of
// recordings would keep it for nothing.
inline void recycle(ByteVector& bytes) {
  constexpr std::size_t largest_kept = std::size_t{32} << 10;
  bytes.clear();
  if (bytes.capacity() > largest_kept) bytes = ByteVector();
}

// Sees to room for `more` bytes in one step, where appending would take several.
inline void make_room(ByteVector& bytes, std::size_t more) {
  const std::size_t needed = bytes.size() + more;
  if (bytes.capacity() < needed) bytes.reserve(std::max(needed, 2 * bytes.capacity()));
}

// Appends big-endian fields to a vector that the caller owns.
class ByteWriter {
 public:
  explicit ByteWriter(ByteVector& out) : out_(out) {}

  void write_u8(std::uint8_t value) { out_.push_back(value); }
  void write_u16(std::uint16_t value) { write(value, 2); }
  void write_u24(std::uint32_t value) { write(value, 3); }
  void write_u32(std::uint32_t value) { write(value, 4); }
  void write_u64(std::uint64_t value) { write(value, 8); }
  void write_bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void write_zeros(std::size_t count) { out_.insert(out_.end(), count, 0); }

  std::size_t size() const { return out_.size(); }
  // Overwrites two bytes written before, e.g. a length known only at the end.
  void patch_u16(std::size_t offset, std::uint16_t value) { store_u16(out_.data() + offset, value); }

 private:
  void write(std::uint64_t value, int count) {
    for (int shift = (count - 1) * 8; shift >= 0; shift -= 8)
      out_.push_back(static_cast<std::uint8_t>(value >> shift));
  }

  ByteVector& out_;
};

}  // namespace holdfast

#include "base/crc32c.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace holdfast {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f6'3b78U : 0);
    table[i] = crc;
  }
  return table;
}

[[maybe_unused]] std::uint32_t by_table(std::uint32_t crc, Bytes bytes) {
  static constexpr auto table = make_table();
  for (const std::uint8_t byte : bytes) crc = crc >> 8 ^ table[(crc ^ byte) & 0xff];
  return crc;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] std::uint32_t by_instruction(std::uint32_t crc, Bytes bytes) {
  for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    crc = static_cast<std::uint32_t>(_mm_crc32_u64(crc, eight));
  }
  for (const std::uint8_t byte : bytes) crc = _mm_crc32_u8(crc, byte);
  return crc;
}

std::uint32_t update(std::uint32_t crc, Bytes bytes) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  return has_instruction ? by_instruction(crc, bytes) : by_table(crc, bytes);
}
#elif defined(__ARM_FEATURE_CRC32)
std::uint32_t update(std::uint32_t crc, Bytes bytes) {
  for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    crc = __crc32cd(crc, eight);
  }
  for (const std::uint8_t byte : bytes) crc = __crc32cb(crc, byte);
  return crc;
}
#else
std::uint32_t update(std::uint32_t crc, Bytes bytes) {
  return by_table(crc, bytes);
}
#endif

}  // namespace

std::uint32_t crc32c(Bytes bytes) {
  return crc32c(0, bytes);
}

std::uint32_t crc32c(std::uint32_t before, Bytes bytes) {
  return ~update(~before, bytes);
}

std::string format_crc32c(std::uint32_t crc) {
  return fmt::format("{:08x}", crc);
}

}  // namespace holdfast

#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace holdfast {

// CRC-32C (Castagnoli; RFC 3720 section 12.1, appendix B.4): polynomial 0x1edc6f41, reflected, begun and
// ended with all ones. The instruction for it is used where the processor has one. Any thread.
std::uint32_t crc32c(Bytes bytes);
// Goes on: crc32c(a + b) == crc32c(crc32c(a), b). The CRC of nothing is 0.
std::uint32_t crc32c(std::uint32_t before, Bytes bytes);

// Eight lowercase hex digits, the most significant first.
std::string format_crc32c(std::uint32_t crc);

}  // namespace holdfast

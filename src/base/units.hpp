#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace holdfast {

struct ByteSize {
  std::uint64_t bytes = 0;
  bool operator==(const ByteSize&) const = default;
};

// "1.5s", "250ms", "2m", "1h", "0"; nullopt: no duration, negative, or over 30 days.
std::optional<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);
// "4MiB", "1GB", "512"; KiB, MiB, GiB, TiB are powers of 1,024, kB, MB, GB, TB of 1,000.
std::optional<ByteSize> parse_byte_size(std::string_view text);
std::string format_byte_size(ByteSize size);

}  // namespace holdfast

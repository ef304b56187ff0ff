#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

// From the largest, so that formatting takes the first that divides.
constexpr std::array<std::pair<std::string_view, Duration>, 6> durations{
    {{"d", 24h}, {"h", 1h}, {"m", 1min}, {"s", 1s}, {"ms", 1ms}, {"us", 1us}}};
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 9> sizes{{{"TiB", 1ULL << 40},
                                                                           {"TB", 1'000'000'000'000},
                                                                           {"GiB", 1ULL << 30},
                                                                           {"GB", 1'000'000'000},
                                                                           {"MiB", 1ULL << 20},
                                                                           {"MB", 1'000'000},
                                                                           {"KiB", 1ULL << 10},
                                                                           {"kB", 1'000},
                                                                           {"B", 1}}};

struct Quantity {
  double number;
  std::string_view unit;
};

// A plain number that is not negative, then its unit, with or without a space between.
std::optional<Quantity> parse_quantity(std::string_view text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  return Quantity{number, unit};
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  constexpr Duration longest = 30 * 24h;
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  if (quantity->unit.empty()) return quantity->number == 0 ? std::optional(Duration::zero()) : std::nullopt;
  for (const auto& [unit, worth] : durations) {
    if (unit != quantity->unit) continue;
    const double nanoseconds = quantity->number * static_cast<double>(worth.count());
    if (nanoseconds > static_cast<double>(longest.count())) return std::nullopt;
    return Duration(std::llround(nanoseconds));
  }
  return std::nullopt;
}

std::string format_duration(Duration duration) {
  if (duration == Duration::zero()) return "0";
  // "1.5s" rather than "1500ms".
  if (duration > 1s && duration < 1min && duration % 100ms == Duration::zero()) {
    return fmt::format("{}s", to_seconds(duration));
  }
  for (const auto& [unit, worth] : durations) {
    if (duration % worth == Duration::zero()) return fmt::format("{}{}", duration / worth, unit);
  }
  return fmt::format("{}us", to_microseconds(duration));
}

std::optional<ByteSize> parse_byte_size(std::string_view text) {
  constexpr double largest = 1e18;
  const auto quantity = parse_quantity(text);
  if (!quantity) return std::nullopt;
  const std::string_view given = quantity->unit.empty() ? "B" : quantity->unit;
  for (const auto& [unit, worth] : sizes) {
    if (unit != given) continue;
    const double bytes = quantity->number * static_cast<double>(worth);
    if (bytes > largest) return std::nullopt;
    return ByteSize{static_cast<std::uint64_t>(std::llround(bytes))};
  }
  return std::nullopt;
}

std::string format_byte_size(ByteSize size) {
  if (size.bytes == 0) return "0";
  for (const auto& [unit, worth] : sizes) {
    if (size.bytes % worth == 0) return fmt::format("{}{}", size.bytes / worth, unit);
  }
  return fmt::format("{}B", size.bytes);
}

}  // namespace holdfast

#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace holdfast::storage {

// Counts durations in fixed buckets, cumulative only when printed (Prometheus histogram).
struct LatencyHistogram {
  // Upper bounds in microseconds, inclusive; one more bucket holds the rest.
  static constexpr std::array<std::int64_t, 16> bounds_us{
      100,    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,
      50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
  std::array<std::uint64_t, bounds_us.size() + 1> counts{};
  std::uint64_t count = 0;
  std::int64_t sum_us = 0;

  void add(Duration duration);
  LatencyHistogram& operator+=(const LatencyHistogram& other);
};

}  // namespace holdfast::storage

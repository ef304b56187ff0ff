#include "storage/latency_histogram.hpp"

#include <algorithm>

namespace holdfast::storage {

void LatencyHistogram::add(Duration duration) {
  const auto us = to_microseconds(duration);
  const auto bucket = std::ranges::lower_bound(bounds_us, us) - bounds_us.begin();
  ++counts[static_cast<std::size_t>(bucket)];
  ++count;
  sum_us += us;
}

LatencyHistogram& LatencyHistogram::operator+=(const LatencyHistogram& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  count += other.count;
  sum_us += other.sum_us;
  return *this;
}

}  // namespace holdfast::storage

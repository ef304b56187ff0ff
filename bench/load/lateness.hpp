#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/time.hpp"

namespace holdfast::bench {

// How late packets left, to a tenth of a millisecond, up to a second. A benchmark whose load came late has
// measured the load.
class Lateness {
 public:
  void add(Duration late, std::uint64_t packets) {
    const auto tenths = std::max<std::int64_t>(to_microseconds(late) / 100, 0);
    counts_[static_cast<std::size_t>(std::min<std::int64_t>(tenths, counts_.size() - 1))] += packets;
    packets_ += packets;
    max_ = std::max(max_, late);
  }
  Lateness& operator+=(const Lateness& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    packets_ += other.packets_;
    max_ = std::max(max_, other.max_);
    return *this;
  }

  // Milliseconds; `share` of the packets were no later. 0: there were none.
  double percentile_ms(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(packets_));
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      so_far += counts_[i];
      if (so_far > wanted) return static_cast<double>(i + 1) / 10;
    }
    return 0;
  }
  double max_ms() const { return to_seconds(max_) * 1000; }
  std::uint64_t packets() const { return packets_; }

 private:
  std::array<std::uint64_t, 10'001> counts_{};
  std::uint64_t packets_ = 0;
  Duration max_{};
};

}  // namespace holdfast::bench

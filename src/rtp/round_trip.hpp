#pragma once

#include <algorithm>

#include "base/time.hpp"

namespace holdfast::rtp {

// A smoothed round trip and its spread (RFC 6298 section 2), and from it how long a NACK is given before it
// is repeated.
class RoundTrip {
 public:
  // LiveKit resends a packet at most three times: an ask repeated before the answer could be here wastes one.
  static constexpr Duration shortest_retry = std::chrono::milliseconds(100);

  void add(Duration sample) {
    if (!measured_) {
      measured_ = true;
      smoothed_ = sample;
      variation_ = sample / 2;
      return;
    }
    variation_ = (3 * variation_ + std::chrono::abs(smoothed_ - sample)) / 4;
    smoothed_ = (7 * smoothed_ + sample) / 8;
  }

  Duration retry_interval() const { return std::max(shortest_retry, smoothed_ + 4 * variation_); }

 private:
  bool measured_ = false;
  Duration smoothed_{};
  Duration variation_{};
};

}  // namespace holdfast::rtp

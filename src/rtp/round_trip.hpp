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

  // A measured one.
  void add(Duration sample) {
    if (!measured_) {
      measured_ = true;
      smoothed_ = sample;
      variation_ = sample / 16;
      return;
    }
    variation_ = (3 * variation_ + std::chrono::abs(smoothed_ - sample)) / 4;
    smoothed_ = (7 * smoothed_ + sample) / 8;
  }

  // It was no longer than that. Better than nothing, until it is measured.
  void guess(Duration at_most) {
    if (!measured_) smoothed_ = smoothed_ == Duration{} ? at_most : std::min(smoothed_, at_most);
  }

  // No answer comes in less than half of what was measured.
  bool allows(Duration answer) const { return !measured_ || 2 * answer > smoothed_; }
  // 0: not known yet.
  Duration smoothed() const { return smoothed_; }
  // The spread counts for no more than a quarter of the round trip or 50 ms: with the recovery window running
  // out, a try wasted costs less than one that is not made.
  Duration retry_interval() const {
    const Duration most = std::max<Duration>(smoothed_ / 4, std::chrono::milliseconds(50));
    return std::max(shortest_retry, smoothed_ + std::min(4 * variation_, most));
  }

 private:
  bool measured_ = false;
  Duration smoothed_{};
  Duration variation_{};
};

}  // namespace holdfast::rtp

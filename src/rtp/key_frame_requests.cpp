#include "rtp/key_frame_requests.hpp"

#include <algorithm>

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

constexpr Duration start_allowance = 500ms;
constexpr Duration first_spacing = 500ms;
// LiveKit passes on no more than one a second (of the upper layers), but answers no NACK from the moment it
// gets one, also one that it keeps to itself. And a key frame may be here, behind holes, long before it is
// whole.
constexpr Duration running_spacing = 1200ms;
constexpr Duration longest_spacing = 2s;

}  // namespace

void KeyFrameRequests::handle_packet(Instant now) {
  last_packet_ = now;
  if (started_) return;
  started_ = true;
  last_key_frame_ = now;
  if (!wanted_) wanted_ = now + start_allowance;
}

void KeyFrameRequests::handle_loss(Instant now) {
  wanted_ = wanted_ ? std::min(*wanted_, now) : now;
}

void KeyFrameRequests::handle_key_frame(Instant now) {
  wanted_.reset();
  unanswered_ = 0;
  had_key_frame_ = true;
  last_key_frame_ = now;
}

Instant KeyFrameRequests::due(Holes holes) const {
  Instant at = never;
  if (wanted_) at = last_sent_ ? std::max(*wanted_, *last_sent_ + spacing()) : *wanted_;
  // Only where media flows: a camera that is off has no key frame to give.
  const Instant answered = last_sent_ ? std::max(last_key_frame_, *last_sent_) : last_key_frame_;
  if (started_ && interval_ > Duration::zero() && holes == Holes::none && last_packet_ > answered) {
    const Instant by_time = last_key_frame_ + interval_;
    at = std::min(at, last_sent_ ? std::max(by_time, *last_sent_ + longest_spacing) : by_time);
  }
  return at;
}

void KeyFrameRequests::handle_sent(Instant now) {
  last_sent_ = now;
  unanswered_ = std::min(unanswered_ + 1, 3);
}

// Before the first key frame 500 ms after the last request, else 1.2 s; doubled for each that came before it
// in vain.
Duration KeyFrameRequests::spacing() const {
  const Duration first = had_key_frame_ ? running_spacing : first_spacing;
  return std::min(first * (1 << std::max(unanswered_ - 1, 0)), longest_spacing);
}

}  // namespace holdfast::rtp

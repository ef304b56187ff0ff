#include "media/timeline.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/check.hpp"

namespace holdfast::media {
namespace {

constexpr Ticks milliseconds(std::int64_t count) {
  return count * ticks_per_second / 1000;
}

constexpr Ticks tolerance = milliseconds(10);      // errors below are let be, so that cadence stays exact
constexpr Ticks exact = milliseconds(1);           // as good as a publisher's own clocks
constexpr Ticks slew_divisor = 200;                // 5 ms a second
constexpr Ticks largest_step = milliseconds(300);  // forward, at alignment
constexpr Duration step_window = std::chrono::seconds(5);
constexpr Ticks slewable = milliseconds(25);  // what slewing corrects within the step window

// Frames and arrivals that part by more than this are no jitter.
constexpr Ticks leap = milliseconds(1'000);
// Later than any resend: not delayed, but on another clock.
constexpr Ticks far_too_late = milliseconds(10'000);
constexpr Duration late_for_good = std::chrono::seconds(2);

// A publisher's tracks cannot lie further apart by their reports: then one report is of a clock set since.
constexpr Ticks same_clock = milliseconds(5'000);
// Nor can one track's report differ more from the one before.
constexpr Ticks clock_set = milliseconds(300);

// How far the publisher's clock may lie off our own before it is pulled after it, and how fast: 1 ms a
// second, five times what a clock of 200 ppm needs, and a fifth of what tracks may slew.
constexpr Ticks leash = milliseconds(150);
constexpr Ticks pull_divisor = 1'000;
constexpr Duration live = std::chrono::seconds(10);

constexpr std::int64_t wrapping_difference(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

// 32.32 fixed point (RFC 3550 section 4) to ticks; differences survive the wrap of 2036.
Ticks ntp_ticks(std::uint64_t ntp, std::uint64_t epoch) {
  const auto difference = static_cast<std::int64_t>(ntp - epoch);
  const std::int64_t seconds = difference >> 32;
  const std::int64_t fraction = difference & 0xffff'ffff;
  return seconds * ticks_per_second + (fraction * ticks_per_second >> 32);
}

}  // namespace

void Timeline::align(TrackClock& track, Instant now) {
  std::optional<Ticks> latest;
  for (const TrackClock* other : tracks_) {
    if (other != &track && other->reported_)
      latest = std::max(latest.value_or(other->ntp_to_media()), other->ntp_to_media());
  }
  if (!latest) {
    ntp_to_media_ = track.ntp_to_media();
    return;
  }
  if (!aligned_) ntp_to_media_ = *latest;
  const Ticks ahead = track.ntp_to_media() - ntp_to_media_;
  if (std::abs(ahead) > same_clock) return adopt_clock_of(track);
  // The latest stays, the others step forward to it: nothing needs to go back. Less than a step is left to
  // slewing.
  if (ahead > slewable) ntp_to_media_ += ahead;
  aligned_ = true;
  followed_ = now;
  step_until_ = now + step_window;
  // What comes up later is let be up to the tolerance; the beginning is right.
  for (TrackClock* each : tracks_) {
    each->stepped_ = false;
    each->correcting_ = std::abs(each->target() - each->offset_) > exact;
  }
}

void Timeline::adopt_clock_of(TrackClock& track) {
  for (TrackClock* other : tracks_) other->reported_ = other == &track;
  ntp_to_media_ = track.ntp_to_media();
}

void Timeline::follow_drift(Instant now) {
  if (!aligned_ || now - followed_ < std::chrono::seconds(1)) return;
  const Ticks most = to_ticks(now - followed_) / pull_divisor;
  followed_ = now;
  // Where the slowest track's quickest arrivals would put it.
  std::optional<Ticks> arrived;
  for (const TrackClock* track : tracks_) {
    if (!track->reported_ || now - track->last_arrival_ > live) continue;
    const Ticks own = track->minimum_.value() - track->report_offset_;
    arrived = std::max(arrived.value_or(own), own);
  }
  if (!arrived) return;
  const Ticks wanted = std::clamp(ntp_to_media_, *arrived - leash, *arrived + leash);
  ntp_to_media_ += std::clamp(wanted - ntp_to_media_, -most, most);
}

void TrackClock::MinimumOffset::add(Ticks offset, Instant arrival) {
  constexpr Duration bucket = std::chrono::seconds(15);
  const Duration age = arrival - bucket_start_;
  if (filled_ && age < bucket) {
    current_ = std::min(current_, offset);
    return;
  }
  previous_ = filled_ && age < 2 * bucket ? current_ : offset;
  current_ = offset;
  bucket_start_ = arrival;
  filled_ = true;
}

Ticks TrackClock::MinimumOffset::value() const {
  return std::min(current_, previous_);
}

TrackClock::TrackClock(Timeline& timeline, int clock_rate) : timeline_(timeline), clock_rate_(clock_rate) {
  CHECK(clock_rate > 0);
  timeline_.tracks_.push_back(this);
  reorder_.reserve(max_reorder_depth + 1);
}

TrackClock::~TrackClock() {
  std::erase(timeline_.tracks_, this);
}

Stamp TrackClock::stamp(std::int64_t rtp, Instant arrival) {
  if (!timeline_.origin_) timeline_.origin_ = arrival;
  if (!anchored_ || restart_ || leapt(rtp, arrival)) {
    anchor_by_arrival(rtp, arrival);
  } else {
    const Ticks elapsed = std::max<Ticks>(0, unscaled(rtp) - unscaled(highest_rtp_));
    if (elapsed > leap) resumed_ = true;
    minimum_.add(timeline_.at(arrival) - unscaled(rtp), arrival);
    timeline_.follow_drift(arrival);
    correct(elapsed, arrival);
  }
  last_rtp_ = rtp;
  highest_rtp_ = std::max(highest_rtp_, rtp);
  last_arrival_ = arrival;
  return order(unscaled(rtp) + offset_);
}

Ticks TrackClock::unscaled(std::int64_t rtp) const {
  return (rtp - base_rtp_) * ticks_per_second / clock_rate_;
}

// Whether the time is within some days of the last, so that unscaled() cannot overflow, whatever a stranger
// sends.
bool TrackClock::is_near(std::int64_t rtp) const {
  constexpr std::int64_t far = std::int64_t{1} << 40;
  return std::abs(wrapping_difference(rtp, last_rtp_) / 2) < far / 2;
}

bool TrackClock::leapt(std::int64_t rtp, Instant arrival) {
  if (!is_near(rtp)) return true;
  const Ticks step = unscaled(rtp) - unscaled(last_rtp_);
  const Ticks ahead_of_step = step - to_ticks(arrival - last_arrival_);
  const Ticks late = timeline_.at(arrival) - (unscaled(rtp) + offset_);
  if (step < -leap) return true;
  if (late < -leap && ahead_of_step > leap) return true;
  if (late > far_too_late && ahead_of_step < -leap) return true;
  // A little late is what resends and stalls are; but those catch up.
  if (late <= leap) {
    late_since_.reset();
    return false;
  }
  if (!late_since_) late_since_ = arrival;
  return arrival - *late_since_ >= late_for_good;
}

void TrackClock::anchor_by_arrival(std::int64_t rtp, Instant arrival) {
  // What this track was moved ahead of its arrivals, to lie right to the others, it still needs.
  Ticks lead = 0;
  if (anchored_) {
    lead = std::clamp<Ticks>(offset_ - minimum_.value(), 0, largest_step);
    ++counters_.re_anchors;
  }
  const Ticks arrived = timeline_.at(arrival);
  anchored_ = true;
  restart_ = false;
  base_rtp_ = highest_rtp_ = last_rtp_ = rtp;
  offset_ = std::max(arrived + lead, last_dts_ + 1);
  minimum_.reset();
  minimum_.add(arrived, arrival);
  correcting_ = false;
  late_since_.reset();
  report_.reset();
  reported_ = false;
  if (early_report_) apply_report(*std::exchange(early_report_, std::nullopt), arrival);
}

Ticks TrackClock::target() const {
  return timeline_.aligned_ && reported_ ? report_offset_ + timeline_.ntp_to_media_ : minimum_.value();
}

void TrackClock::correct(Ticks elapsed, Instant arrival) {
  const Ticks error = target() - offset_;
  if (error > slewable && !stepped_ && reported_ && arrival < timeline_.step_until_) {
    const Ticks step = std::min(error, largest_step);
    offset_ += step;
    stepped_ = true;
    ++counters_.steps;
    counters_.stepped += step;
    return;
  }
  if (std::abs(error) > tolerance) correcting_ = true;
  if (!correcting_) return;
  const Ticks most = elapsed / slew_divisor;
  offset_ += std::clamp(error, -most, most);
  correcting_ = std::abs(error) > most;
}

void TrackClock::handle_report(const ClockReport& report, Instant arrival) {
  if (!anchored_ || restart_) {
    early_report_ = report;
  } else {
    apply_report(report, arrival);
  }
}

void TrackClock::apply_report(const ClockReport& report, Instant arrival) {
  if (report.ntp == 0 || !is_near(report.rtp) ||
      std::abs(unscaled(report.rtp) + offset_ - timeline_.at(arrival)) > same_clock) {
    ++counters_.ignored_reports;
    return;
  }
  if (!timeline_.ntp_epoch_) timeline_.ntp_epoch_ = report.ntp;
  const Ticks offset = ntp_ticks(report.ntp, *timeline_.ntp_epoch_) - unscaled(report.rtp);
  const Ticks change = offset - report_offset_;
  const bool first = !reported_ || resumed_;
  report_ = report;
  report_offset_ = offset;
  if (reported_ && std::abs(change) > clock_set) return timeline_.adopt_clock_of(*this);
  reported_ = true;
  resumed_ = false;
  if (first) timeline_.align(*this, arrival);
}

void TrackClock::set_reorder_depth(int frames) {
  reorder_depth_ = std::clamp(frames, 0, max_reorder_depth);
}

void TrackClock::advance_to(Ticks dts) {
  last_dts_ = std::max(last_dts_, dts);
}

// Frames come in decode order. DTS is the smallest PTS that the decoder can still hold back: with a reorder
// depth of n, that of n frames ago in display order. So it never exceeds the frame's own PTS, and PTS need no
// shift.
Stamp TrackClock::order(Ticks pts) {
  constexpr Ticks nominal_frame = ticks_per_second / 30;
  const auto depth = static_cast<std::size_t>(reorder_depth_);
  reorder_.insert(std::ranges::upper_bound(reorder_, pts), pts);
  Ticks dts = reorder_.front();
  if (reorder_.size() <= depth) {
    dts -= nominal_frame * static_cast<Ticks>(depth + 1 - reorder_.size());
  } else {
    const auto excess = static_cast<std::ptrdiff_t>(reorder_.size() - depth);
    dts = reorder_[static_cast<std::size_t>(excess - 1)];
    reorder_.erase(reorder_.begin(), reorder_.begin() + excess);
  }
  if (dts <= last_dts_) {
    dts = last_dts_ + 1;
    ++counters_.nudged;
  }
  last_dts_ = dts;
  return {.pts = std::max(pts, dts), .dts = dts};
}

std::optional<Anchor> TrackClock::anchor() const {
  if (!report_) return std::nullopt;
  return Anchor{.rtp = report_->rtp, .ntp = report_->ntp, .pts = unscaled(report_->rtp) + offset_};
}

}  // namespace holdfast::media

#include "recording/gap_watch.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::recording {

std::string_view to_string(GapCause cause) {
  switch (cause) {
    case GapCause::network:
      return "network";
    case GapCause::left:
      return "left";
    case GapCause::server:
      return "server";
    case GapCause::restart:
      return "restart";
  }
  std::unreachable();
}

GapWatch GapWatch::resume(const Limits& limits, Instant now, Instant left) {
  GapWatch watch(limits, now);
  watch.heard_ = left;
  watch.gap_ = {left, never, GapCause::restart};
  watch.count_ = 1;
  return watch;
}

GapCause cause_of(livekit::Fault fault) {
  switch (fault) {
    case livekit::Fault::server:
      return GapCause::server;
    case livekit::Fault::network:
      return GapCause::network;
    case livekit::Fault::publisher:
      return GapCause::left;
  }
  std::unreachable();
}

void GapWatch::handle_packet(Instant arrival) {
  heard_ = std::max(heard_, arrival);
  if (gap_) gap_->to = std::min(gap_->to, arrival);
}

void GapWatch::rest(Instant now) {
  heard_ = std::max(heard_, now);
  if (gap_) gap_->to = std::min(gap_->to, now);
}

std::optional<Gap> GapWatch::handle_tick(Instant now, Tracks tracks, Recording recording) {
  if (tracks == Tracks::all_muted) {
    rest(now);
    if (!muted_since_) muted_since_ = now;
    hold_to(now - *muted_since_, limits_.mute, journal::EndReason::mute_limit);
  } else {
    muted_since_.reset();
  }
  if (gap_ && gap_->to != never && silence(now) < gap_after) return end(std::min(gap_->to, heard_));
  if (!gap_ && silence(now) >= gap_after && recording == Recording::begun) {
    gap_ = {heard_, never, GapCause::network};
    ++count_;
  }
  // What is known first is the cause: a server that dies takes the publisher's tracks along.
  if (gap_ && gap_->cause == GapCause::network) {
    const bool left = suspected_ == GapCause::network && tracks == Tracks::all_left;
    gap_->cause = left ? GapCause::left : suspected_;
  }
  hold_to(std::min(silence(now), now - counts_from_), limits_.gap, journal::EndReason::gap_limit);
  return std::nullopt;
}

std::optional<Gap> GapWatch::finish(Instant now) {
  return gap_ ? end(std::min(gap_->to, now)) : std::nullopt;
}

std::optional<Gap> GapWatch::end(Instant to) {
  gap_->to = to;
  total_ += gap_->to - gap_->from;
  return std::exchange(gap_, std::nullopt);
}

void GapWatch::hold_to(Duration span, Duration limit, journal::EndReason reason) {
  if (limit > Duration::zero() && span >= limit && !limit_reached_) limit_reached_ = reason;
}

}  // namespace holdfast::recording

#include "livekit/continuity.hpp"

#include <algorithm>
#include <array>

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;

// The last one repeats.
constexpr std::array<Duration, 6> waits{0ms, 300ms, 1200ms, 2700ms, 4800ms, 7000ms};

}  // namespace

Continuity::Attempt Continuity::after_end(EndKind kind, Instant now) {
  if (connected_at_ && now - *connected_at_ >= steady) attempts_ = 0;
  connected_at_.reset();
  if (!lost_at_) lost_at_ = now;
  const bool resumable = kind == EndKind::resume && now - *lost_at_ < resume_limit;
  return {resumable ? Step::resume : Step::join, next_wait()};
}

Continuity::Attempt Continuity::after_media_loss(Instant now) {
  const bool again = media_lost_at_ && now - *media_lost_at_ < media_patience;
  media_lost_at_ = now;
  Attempt attempt = after_end(EndKind::resume, now);
  if (again) attempt.step = Step::join;
  return attempt;
}

void Continuity::handle_connected(Instant now) {
  connected_at_ = now;
  lost_at_.reset();
}

Duration Continuity::next_wait() {
  const Duration wait = waits[std::min(attempts_++, waits.size() - 1)];
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(wait.count()) * (0.75 + random_.unit() / 2)));
}

}  // namespace holdfast::livekit

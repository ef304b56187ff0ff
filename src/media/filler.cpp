#include "media/filler.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace holdfast::media {

Filler::Filler(FillRule rule, Ticks start, Ticks hold_off, Fill fill)
    : rule_(rule), hold_off_(hold_off), fill_(fill), end_(start), others_from_(start), others_to_(start) {}

void Filler::handle_frame(Ticks pts, Ticks duration, Picture picture) {
  CHECK(duration >= 0);
  // A picture stays on the screen until the next.
  end_ = std::max(end_, pts + std::max(duration, rule_.every - rule_.length));
  filling_ = false;
  if (picture == Picture::key) needs_key_frame_ = false;
}

void Filler::handle_other(Ticks pts) {
  if (pts > others_to_ + gap) others_from_ = pts;
  others_to_ = std::max(others_to_, pts);
}

std::optional<Ticks> Filler::next(Ticks now) {
  return next_until(now - hold_off_);
}

std::optional<Ticks> Filler::next_before(Ticks pts) {
  return next_until(pts - 1);
}

std::optional<Ticks> Filler::next_until(Ticks limit) {
  if (fill_ == Fill::off) return std::nullopt;
  const Ticks pts = std::max(end_, others_from_);
  const Ticks until = std::min(limit, others_to_);
  if (until < pts + rule_.length) return std::nullopt;
  if (!filling_ && until < pts + rule_.min_hole) return std::nullopt;
  filling_ = true;
  end_ = pts + rule_.every;
  needs_key_frame_ = rule_.length == 0;
  ++frames_;
  return pts;
}

}  // namespace holdfast::media

#pragma once

#include <cstdint>
#include <optional>

#include "media/frame.hpp"

namespace holdfast::media {

// How a track is filled while another runs.
struct FillRule {
  Ticks every = 0;     // from one filler frame to the next; > 0
  Ticks length = 0;    // media time that a filler frame takes up, and that must be free: 0 for a picture
  Ticks min_hole = 0;  // shorter holes are left to the decoder

  // Silence, frame after frame. `frame`: the length of one (Opus of 20 ms: 1,800; AAC at 48 kHz: 1,920).
  static constexpr FillRule silence(Ticks frame) { return {frame, frame, ticks_per_second / 5}; }
  // The last key frame again, every 5 s.
  static constexpr FillRule picture() { return {5 * ticks_per_second, 0, 0}; }
};

enum class Fill : std::uint8_t { off, on };

// Decides when one track of a recording is due a filler frame, because a hole in one track makes players and
// remuxers shift it for good. Only where another track has media: a gap in everything is left a gap. Only up
// to what the track's own stream can no longer deliver: `hold_off` behind the present.
//
// Pure logic on media time; one thread. After each frame written, tell it; then take what is due:
//   while (const auto pts = filler.next(timeline.at(now))) write_filler(*pts);
class Filler {
 public:
  // When no other track had media for this long, nothing ran.
  static constexpr Ticks gap = 10 * ticks_per_second;

  // `start`: media time where the recording begins. `hold_off` must cover the recovery window and the delay
  // of arrivals.
  Filler(FillRule rule, Ticks start, Ticks hold_off, Fill fill = Fill::on);

  // A real frame of this track is written. `duration` 0 for video.
  void handle_frame(Ticks pts, Ticks duration, Picture picture);
  // A real frame of another track is written.
  void handle_other(Ticks pts);

  // PTS of the filler frame to write now, at media time `now`; call until there is none. They rise strictly.
  std::optional<Ticks> next(Ticks now);
  // The same for the hole before a real frame about to be written: nothing older can come any more.
  std::optional<Ticks> next_before(Ticks pts);

  // A repeated picture was written and no key frame since: delta frames refer to pictures that a decoder has
  // dropped.
  bool needs_key_frame() const { return needs_key_frame_; }
  std::uint64_t frames() const { return frames_; }

 private:
  std::optional<Ticks> next_until(Ticks limit);

  const FillRule rule_;
  const Ticks hold_off_;
  const Fill fill_;
  Ticks end_;          // this track needs nothing before
  Ticks others_from_;  // other tracks ran from here ...
  Ticks others_to_;    // ... to here
  bool filling_ = false;
  bool needs_key_frame_ = false;
  std::uint64_t frames_ = 0;
};

}  // namespace holdfast::media

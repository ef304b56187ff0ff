#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/check.hpp"
#include "base/time.hpp"
#include "media/frame.hpp"

namespace holdfast::media {

class TrackClock;

// The clock of one recording. Its media time runs with our monotonic clock from the first stamped frame on,
// which gets PTS 1 s (room below for DTS and encoder priming). The tracks of one publisher share what is
// learnt here about the publisher's own clock, which may be an hour off: its sender reports say exactly how
// its tracks lie to each other, the arrivals say roughly where they lie on our clock.
//
// One thread (the recording's worker). Outlives its TrackClocks.
class Timeline {
 public:
  static constexpr Ticks first_pts = ticks_per_second;

  Timeline() = default;
  ~Timeline() { CHECK(tracks_.empty()); }
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  // Resumes a timeline that was at `pts` at `instant`, which may be long ago.
  static Timeline resume(Instant instant, Ticks pts) {
    return Timeline(instant - to_duration(pts - first_pts));
  }

  // Whether a frame has been stamped, or the timeline was resumed.
  bool started() const { return origin_.has_value(); }
  // Media time at an instant; started() only. What is stamped lies at most 300 ms ahead of its arrival (see
  // TrackClock).
  Ticks at(Instant instant) const {
    CHECK(started());
    return first_pts + to_ticks(instant - *origin_);
  }

 private:
  friend class TrackClock;
  explicit Timeline(Instant origin) : origin_(origin) {}

  // A track has its first report since it started or resumed: brings all reported tracks into line.
  void align(TrackClock& track, Instant now);
  // A report contradicts the ones before: the publisher's clock was set. Everything stays where it is.
  void adopt_clock_of(TrackClock& track);
  // Follows the drift between the publisher's clock and ours.
  void follow_drift(Instant now);

  std::optional<Instant> origin_;
  std::vector<TrackClock*> tracks_;
  // Valid once aligned_: media time = the publisher's NTP time + ntp_to_media_.
  bool aligned_ = false;
  Ticks ntp_to_media_ = 0;
  std::optional<std::uint64_t> ntp_epoch_;  // NTP times are counted from the first one seen
  Instant followed_{};                      // when follow_drift() last looked
  Instant step_until_{};                    // a forward step is allowed until then, once a track
};

// The time of a track's frame, in media time of the recording.
struct Stamp {
  Ticks pts = 0;  // >= dts
  Ticks dts = 0;  // strictly rising
};

// What a sender report says (RFC 3550 section 6.4.1): the same instant on two clocks of the publisher.
struct ClockReport {
  std::uint64_t ntp = 0;  // 32.32 fixed point; 0: the publisher has no wall clock
  std::int64_t rtp = 0;   // unwrapped like the frames' times
};

// The same instant on all three clocks, for the journal: drift can be read off two of them.
struct Anchor {
  std::int64_t rtp = 0;
  std::uint64_t ntp = 0;
  Ticks pts = 0;
};

// Maps one track's RTP times to its recording's timeline.
//
// Before sender reports a track lies where its quickest arrivals put it. When two tracks have reports, each
// is moved forward onto the latest of them, at once if need be (one step of at most 300 ms in the 5 s after
// the report); all other corrections are at most 5 ms a second of media time. What needs no correction keeps
// its exact cadence: 1 ms is let be at the alignment, 10 ms later. A time that leaps, or falls behind its
// arrival for good, re-anchors the track by arrival. Nothing ever goes back.
//
// One thread, the Timeline's. No allocation after construction.
class TrackClock {
 public:
  struct Counters {
    std::uint64_t re_anchors = 0;       // the RTP time leapt or restart() was called after the first frame
    std::uint64_t steps = 0;            // forward steps at alignment
    Ticks stepped = 0;                  // their sum
    std::uint64_t ignored_reports = 0;  // no wall clock, or nowhere near the stream
    std::uint64_t nudged = 0;           // frames moved by a tick or more to keep DTS rising
  };
  static constexpr int max_reorder_depth = 16;  // H.264 and H.265: MaxDpbFrames

  // `clock_rate` of the RTP times, in Hz (RFC 3550 section 5.1): 90,000 for video, 48,000 for Opus. > 0.
  TrackClock(Timeline& timeline, int clock_rate);
  ~TrackClock();
  TrackClock(const TrackClock&) = delete;
  TrackClock& operator=(const TrackClock&) = delete;

  // Frames in decode order. `rtp` is unwrapped to 64 bits; `arrival` is when the kernel got the frame's first
  // packet.
  Stamp stamp(std::int64_t rtp, Instant arrival);
  // `arrival` of the report, which may come before the first frame.
  void handle_report(const ClockReport& report, Instant arrival);
  // The next frame has an RTP clock of its own (another SSRC): it is anchored by arrival.
  void restart() { restart_ = true; }
  // 0..16 frames (SPS max_num_reorder_frames); 0 at first: DTS is PTS.
  void set_reorder_depth(int frames);
  // Filler was written up to this DTS: later stamps lie after it.
  void advance_to(Ticks dts);

  // From the last report, by the mapping as it is now.
  std::optional<Anchor> anchor() const;
  const Counters& counters() const { return counters_; }

 private:
  friend class Timeline;

  // The least delay of arrivals, over the last 15 to 30 s: two buckets of 15 s.
  class MinimumOffset {
   public:
    void reset() { filled_ = false; }
    void add(Ticks offset, Instant arrival);
    Ticks value() const;

   private:
    bool filled_ = false;
    Instant bucket_start_{};
    Ticks current_ = 0;
    Ticks previous_ = 0;
  };

  Ticks unscaled(std::int64_t rtp) const;  // RTP time in ticks since base_rtp_
  bool is_near(std::int64_t rtp) const;
  bool leapt(std::int64_t rtp, Instant arrival);
  void anchor_by_arrival(std::int64_t rtp, Instant arrival);
  void correct(Ticks elapsed, Instant arrival);
  Ticks target() const;
  Stamp order(Ticks pts);
  void apply_report(const ClockReport& report, Instant arrival);
  Ticks ntp_to_media() const { return offset_ - report_offset_; }  // as this track has it

  Timeline& timeline_;
  const int clock_rate_;

  bool anchored_ = false;
  bool restart_ = false;
  std::int64_t base_rtp_ = 0;
  Ticks offset_ = 0;       // media time of base_rtp_: pts = unscaled(rtp) + offset_
  MinimumOffset minimum_;  // where the quickest arrivals would put offset_
  bool correcting_ = false;
  bool stepped_ = false;  // since the last alignment

  std::int64_t last_rtp_ = 0;
  std::int64_t highest_rtp_ = 0;
  Instant last_arrival_{};
  std::optional<Instant> late_since_;

  std::optional<ClockReport> early_report_;  // came before the first frame of its clock
  std::optional<ClockReport> report_;        // the last one
  bool reported_ = false;                    // report_ is of the same publisher's clock as the timeline's
  bool resumed_ = false;                     // frames were missing for a while since the last report
  Ticks report_offset_ = 0;                  // NTP time (in ticks since the epoch) of base_rtp_

  int reorder_depth_ = 0;
  std::vector<Ticks> reorder_;  // the PTS of the last frames, rising; at most reorder_depth_
  Ticks last_dts_ = -1;
  Counters counters_;
};

}  // namespace holdfast::media

#include "media/timeline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/random.hpp"

namespace holdfast::media {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Instant start{hours(5)};

constexpr double to_ms(Ticks ticks) {
  return static_cast<double>(ticks) / 90;
}

// A publisher with a wall clock of its own, whose tracks have RTP clocks of their own. It knows the truth:
// when each frame was captured, on our clock.
class Source {
 public:
  Source(Timeline& timeline, int rate, Duration interval, Duration delay, std::uint64_t seed)
      : clock_(timeline, rate), rate_(rate), interval_(interval), delay_(delay), random_(seed) {}

  double drift_ppm = 0;       // of the RTP clock against ours
  double wall_drift_ppm = 0;  // of the publisher's wall clock
  Duration wall_offset{};     // of the publisher's wall clock
  Duration jitter = milliseconds(30);
  std::int64_t rtp_base = 1'000'000;

  Instant next_capture() const { return start + elapsed_; }

  struct Stamped {
    Duration captured;  // since start
    Stamp stamp;
  };
  // Captures a frame, which arrives after the path's delay and jitter.
  Stamped frame() {
    const Duration arrival =
        elapsed_ + delay_ +
        Duration(static_cast<std::int64_t>(random_.unit() * static_cast<double>(jitter.count())));
    const Stamped stamped{elapsed_, clock_.stamp(rtp_at(elapsed_), start + arrival)};
    elapsed_ += interval_;
    return stamped;
  }
  // The camera is off, or nobody speaks, until then.
  void pause(Duration pause) { elapsed_ += pause; }

  void report() {
    const double wall =
        to_seconds(elapsed_) * (1 + wall_drift_ppm * 1e-6) + to_seconds(wall_offset) + 3'900'000'000.0;
    const double whole = std::floor(wall);
    const auto ntp =
        static_cast<std::uint64_t>(whole) << 32 | static_cast<std::uint64_t>((wall - whole) * 4294967296.0);
    clock_.handle_report({.ntp = ntp, .rtp = rtp_at(elapsed_)}, start + elapsed_ + delay_);
  }

  std::int64_t rtp_at(Duration at) const {
    return rtp_base +
           static_cast<std::int64_t>(std::llround(to_seconds(at) * (1 + drift_ppm * 1e-6) * rate_));
  }
  TrackClock& clock() { return clock_; }
  Duration elapsed() const { return elapsed_; }

 private:
  TrackClock clock_;
  const int rate_;
  const Duration interval_;
  const Duration delay_;
  SeededRandom random_;
  Duration elapsed_{};
};

// Audio and video of one publisher.
struct Call {
  Call(std::uint64_t seed, Duration audio_delay, Duration video_delay)
      : audio(timeline, 48'000, milliseconds(20), audio_delay, seed * 2),
        video(timeline, 90'000, Duration(33'333'333), video_delay, seed * 2 + 1) {}

  // Frames of both tracks in capture order until `end`; every pair of neighbours is judged.
  template <typename Judge>
  void run_until(Duration end, Judge judge) {
    while (audio.elapsed() < end || video.elapsed() < end) {
      Source& source = audio.elapsed() <= video.elapsed() ? audio : video;
      const auto stamped = source.frame();
      const double error = to_ms(stamped.stamp.pts) - to_seconds(stamped.captured) * 1000;
      (&source == &audio ? audio_error : video_error) = error;
      if (audio_error && video_error) judge(std::abs(*audio_error - *video_error));
    }
  }
  void run_until(Duration end) {
    run_until(end, [](double) {});
  }

  Timeline timeline;
  Source audio;
  Source video;
  // How far the last frame lies after its capture, in ms; that the timeline begins at 1 s is the same for
  // both.
  std::optional<double> audio_error;
  std::optional<double> video_error;
};

TEST(Timeline, GivesTheFirstFrameOneSecond) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  EXPECT_FALSE(timeline.started());
  const Stamp stamp = clock.stamp(123'456'789, start);
  EXPECT_EQ(stamp.pts, 90'000);
  EXPECT_EQ(stamp.dts, 90'000);
  EXPECT_EQ(timeline.at(start + seconds(2)), 3 * 90'000);
}

TEST(Timeline, KeepsAConstantCadenceExact) {
  Timeline timeline;
  TrackClock video(timeline, 90'000);
  TrackClock audio(timeline, 48'000);
  SeededRandom random(7);
  for (std::int64_t i = 0; i < 30'000; ++i) {
    const Instant arrival = start + i * Duration(33'333'333) + milliseconds(i == 0 ? 0 : random.below(200));
    ASSERT_EQ(video.stamp(5'000 + i * 3'000, arrival).pts, 90'000 + i * 3'000);
  }
  for (std::int64_t i = 0; i < 50'000; ++i) {
    ASSERT_EQ(audio.stamp(77 + i * 960, start + i * milliseconds(20)).pts, 90'000 + i * 1'800);
  }
}

TEST(Timeline, HoldsAudioAndVideoTogetherByReports) {
  double worst_before = 0;
  double worst_of_all = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    Call call(seed, milliseconds(random.below(80)), milliseconds(random.below(80)));
    call.audio.wall_offset = call.video.wall_offset = hours(static_cast<int>(random.below(5)) - 2);
    call.video.rtp_base = static_cast<std::int64_t>(random.below(1ULL << 32));
    double worst = 0;
    call.run_until(milliseconds(3'200), [&](double error) { worst = std::max(worst, error); });
    EXPECT_LE(worst, 120) << "before reports";
    worst_before = std::max(worst_before, worst);
    call.audio.report();
    call.run_until(milliseconds(4'100 + static_cast<int>(random.below(3'000))));
    call.video.report();
    call.run_until(call.video.elapsed() + seconds(5));
    worst = 0;
    for (int i = 0; i < 40; ++i) {
      call.run_until(call.video.elapsed() + seconds(3),
                     [&](double error) { worst = std::max(worst, error); });
      call.audio.report();
      call.video.report();
    }
    EXPECT_LE(worst, 40) << "from 5 s after both reports";
    worst_of_all = std::max(worst_of_all, worst);
    EXPECT_LE(call.audio.clock().counters().steps + call.video.clock().counters().steps, 1U);
    EXPECT_LE(call.audio.clock().counters().stepped + call.video.clock().counters().stepped, 27'000);
  }
  std::printf("audio and video apart: at most %.1f ms before reports, %.1f ms after\n", worst_before,
              worst_of_all);
}

TEST(Timeline, SlewsAtMostFiveMillisecondsASecondButForOneStep) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    Call call(seed, milliseconds(random.below(60)), milliseconds(random.below(250)));
    call.audio.drift_ppm = static_cast<double>(random.below(400)) - 200;
    call.audio.wall_offset = call.video.wall_offset = hours(1);
    int large = 0;
    for (Source* source : {&call.audio, &call.video}) source->jitter = milliseconds(80);
    Ticks last_pts[2] = {};
    std::int64_t last_rtp[2] = {};
    while (call.audio.elapsed() < minutes(5)) {
      const bool is_audio = call.audio.elapsed() <= call.video.elapsed();
      Source& source = is_audio ? call.audio : call.video;
      const std::int64_t rtp = source.rtp_at(source.elapsed());
      const Ticks pts = source.frame().stamp.pts;
      const int track = is_audio ? 0 : 1;
      if (last_pts[track] != 0) {
        const Ticks step = pts - last_pts[track];
        const Ticks media = is_audio ? (rtp - last_rtp[track]) * 15 / 8 : rtp - last_rtp[track];
        ASSERT_GT(step, 0);
        if (std::abs(step - media) > media / 200 + 2) {
          ++large;
          ASSERT_GT(step, media) << "a step goes forward";
          ASSERT_LE(step - media, 27'010);
        }
      }
      last_pts[track] = pts;
      last_rtp[track] = rtp;
      if (call.audio.elapsed() % seconds(3) == Duration(0)) {
        call.audio.report();
        call.video.report();
      }
    }
    EXPECT_LE(large, 1);
  }
}

TEST(Timeline, FollowsClocksThatDriftForADay) {
  for (const double ppm : {-200.0, 200.0}) {
    SCOPED_TRACE(testing::Message() << ppm << " ppm");
    Timeline timeline;
    // One frame a second is enough to see 17 s of drift come or not.
    Source audio(timeline, 48'000, seconds(1), milliseconds(20), 1);
    Source video(timeline, 90'000, seconds(1), milliseconds(60), 2);
    audio.drift_ppm = ppm;
    video.wall_drift_ppm = audio.wall_drift_ppm = -ppm;
    double worst_apart = 0;
    double worst_absolute = 0;
    for (int second = 0; second < 86'400; ++second) {
      const auto a = audio.frame();
      const auto v = video.frame();
      if (second % 3 == 0) {
        audio.report();
        video.report();
      }
      if (second < 10) continue;
      worst_apart = std::max(worst_apart, std::abs(to_ms(a.stamp.pts - v.stamp.pts)));
      worst_absolute = std::max(worst_absolute, std::abs(to_ms(a.stamp.pts) - 1000.0 * (second + 1)));
    }
    EXPECT_LE(worst_apart, 40);
    EXPECT_LE(worst_absolute, 300);
    EXPECT_EQ(audio.clock().counters().re_anchors + video.clock().counters().re_anchors, 0U);
    std::printf("%+.0f ppm for a day: apart at most %.1f ms, off our clock at most %.1f ms\n", ppm,
                worst_apart, worst_absolute);
  }
}

TEST(Timeline, FollowsDriftWithoutAnyReport) {
  Timeline timeline;
  Source video(timeline, 90'000, milliseconds(100), milliseconds(40), 3);
  video.drift_ppm = 200;
  double worst = 0;
  for (int i = 0; i < 10 * 3'600 * 4; ++i) {
    const auto stamped = video.frame();
    worst = std::max(worst, std::abs(to_ms(stamped.stamp.pts) - 1000 - to_seconds(stamped.captured) * 1000));
  }
  EXPECT_LE(worst, 60);
  EXPECT_EQ(video.clock().counters().re_anchors, 0U);
}

TEST(Timeline, KeepsAGapAsLongAsItWas) {
  Call call(4, milliseconds(20), milliseconds(50));
  call.run_until(seconds(10));
  call.audio.report();
  call.video.report();
  call.run_until(seconds(20));
  const auto before = call.video.frame();
  call.video.pause(minutes(10));
  call.run_until(call.video.elapsed());
  const auto after = call.video.frame();
  const double wanted = to_seconds(after.captured - before.captured) * 1000;
  EXPECT_NEAR(to_ms(after.stamp.pts - before.stamp.pts), wanted, 40);
}

// After a mute the server makes the timestamps go on by the wall clock, some 40 ms wrong.
TEST(Timeline, ComesBackInSyncAfterAMuteWithACrookedClock) {
  for (const int error : {-3'600, 3'600}) {  // RTP ticks of 90 kHz: 40 ms
    Call call(5, milliseconds(20), milliseconds(50));
    call.run_until(seconds(10));
    call.audio.report();
    call.video.report();
    call.run_until(seconds(20));
    call.video.pause(seconds(5));
    call.run_until(call.video.elapsed());
    call.video.rtp_base += error;
    call.run_until(call.video.elapsed() + seconds(2));
    call.audio.report();
    call.video.report();
    call.run_until(call.video.elapsed() + seconds(5));
    double worst = 0;
    call.run_until(call.video.elapsed() + seconds(20), [&](double apart) { worst = std::max(worst, apart); });
    EXPECT_LE(worst, 40);
  }
}

TEST(Timeline, StepsATickAtARepeatedTimestamp) {
  Timeline timeline;
  TrackClock clock(timeline, 48'000);
  EXPECT_EQ(clock.stamp(1'000, start).dts, 90'000);
  EXPECT_EQ(clock.stamp(1'000, start + milliseconds(20)).dts, 90'001);
  EXPECT_EQ(clock.stamp(1'001, start + milliseconds(20)).dts, 90'002);
  // and what follows is where it belongs
  EXPECT_EQ(clock.stamp(2'920, start + milliseconds(40)).dts, 93'600);
  EXPECT_EQ(clock.counters().nudged, 2U);
}

TEST(Timeline, AnchorsAnewWhenTheTimestampsLeap) {
  for (const std::int64_t leap :
       {std::int64_t{-90'000 * 60}, std::int64_t{90'000 * 60}, std::int64_t{1} << 60,
        -(std::int64_t{1} << 62), std::int64_t{-90'000 * 2}}) {
    SCOPED_TRACE(testing::Message() << "leap " << leap);
    Timeline timeline;
    TrackClock clock(timeline, 90'000);
    std::int64_t rtp = 3'000'000;
    Instant arrival = start;
    Ticks last = 0;
    for (int i = 0; i < 100; ++i, rtp += 3'000, arrival += Duration(33'333'333))
      last = clock.stamp(rtp, arrival).pts;
    rtp += leap;
    const Ticks next = clock.stamp(rtp, arrival).pts;
    EXPECT_NEAR(static_cast<double>(next - last), 3'000, 10);
    EXPECT_EQ(clock.stamp(rtp + 3'000, arrival + Duration(33'333'333)).pts, next + 3'000);
    EXPECT_EQ(clock.counters().re_anchors, 1U);
  }
}

TEST(Timeline, AnchorsAnewAtAnotherSsrc) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  clock.stamp(1'000, start);
  clock.restart();
  EXPECT_EQ(clock.stamp(1'500, start + seconds(3)).pts, 4 * 90'000);
}

// A sender that stopped its RTP clock with the camera.
TEST(Timeline, SeesAClockThatStoodStillDuringAPause) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  clock.stamp(0, start);
  EXPECT_EQ(clock.stamp(3'000, start + minutes(1)).pts, 61 * 90'000) << "a long pause at once";
  Stamp stamp;
  for (int i = 2; i < 100; ++i)
    stamp = clock.stamp(i * 3'000, start + minutes(1) + seconds(4) + i * Duration(33'333'333));
  EXPECT_NEAR(static_cast<double>(stamp.pts),
              static_cast<double>(timeline.at(start + seconds(64) + 99 * Duration(33'333'333))), 6'000)
      << "a short one after 2 s";
}

TEST(Timeline, TakesAStallForAStall) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  Ticks last = 0;
  for (int i = 0; i < 600; ++i) {
    const Instant sent = start + i * Duration(33'333'333);
    // For 3 s nothing comes, then all of it.
    const bool stalled = sent > start + seconds(5) && sent < start + seconds(8);
    const Ticks pts = clock.stamp(i * 3'000, stalled ? start + seconds(8) : sent).pts;
    ASSERT_EQ(pts - last, i == 0 ? 90'000 : 3'000);
    last = pts;
  }
  EXPECT_EQ(clock.counters().re_anchors, 0U);
}

TEST(Timeline, IgnoresReportsThatCannotBeTrue) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  clock.stamp(3'000, start);
  clock.handle_report({.ntp = 0, .rtp = 3'000}, start);
  clock.handle_report({.ntp = 1, .rtp = INT64_MIN}, start);
  clock.handle_report({.ntp = 1, .rtp = 90'000 * 60}, start);
  EXPECT_EQ(clock.counters().ignored_reports, 3U);
  EXPECT_FALSE(clock.anchor());
}

TEST(Timeline, TakesAReportThatComesBeforeTheFirstFrame) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  clock.handle_report({.ntp = 5ULL << 32, .rtp = 90'000}, start);
  clock.stamp(180'000, start + seconds(1));
  const auto anchor = clock.anchor();
  ASSERT_TRUE(anchor);
  EXPECT_EQ(anchor->rtp, 90'000);
  EXPECT_EQ(anchor->ntp, 5ULL << 32);
  EXPECT_EQ(anchor->pts, 0);
}

TEST(Timeline, SurvivesThePublishersClockBeingSet) {
  Call call(6, milliseconds(20), milliseconds(50));
  double worst = 0;
  for (int i = 0; i < 30; ++i) {
    if (i == 10) call.audio.wall_offset = call.video.wall_offset = -hours(1);
    call.run_until(call.video.elapsed() + seconds(1));
    call.audio.report();
    call.run_until(call.video.elapsed() + seconds(2), [&](double apart) {
      if (i > 3) worst = std::max(worst, apart);
    });
    call.video.report();
  }
  EXPECT_LE(worst, 40);
}

TEST(Timeline, StaysRisingWhateverComes) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    Timeline timeline;
    TrackClock a(timeline, 90'000);
    TrackClock b(timeline, 48'000);
    Instant now = start;
    Ticks last[2] = {-1, -1};
    for (int i = 0; i < 3'000; ++i) {
      now += Duration(random.below(100'000'000));
      const auto any = static_cast<std::int64_t>(random.next_u64() >> random.below(64));
      const auto track = random.below(2);
      TrackClock& clock = track == 0 ? a : b;
      switch (random.below(8)) {
        case 0:
          clock.handle_report({.ntp = random.next_u64() >> random.below(64), .rtp = any}, now);
          break;
        case 1:
          clock.set_reorder_depth(static_cast<int>(random.below(20)));
          break;
        case 2:
          clock.restart();
          break;
        default: {
          const Stamp stamp = clock.stamp(random.below(4) == 0 ? any : i * 2'000, now);
          ASSERT_GT(stamp.dts, last[track]);
          ASSERT_GE(stamp.pts, stamp.dts);
          last[track] = stamp.dts;
        }
      }
    }
  }
}

TEST(Timeline, GivesBFramesADtsThatRises) {
  Timeline timeline;
  TrackClock clock(timeline, 90'000);
  clock.set_reorder_depth(2);
  Ticks last = -1;
  // I P B b b in decode order, twice.
  for (const std::int64_t frame : {0, 4, 2, 1, 3, 8, 6, 5, 7}) {
    const Stamp stamp = clock.stamp(frame * 3'000, start + Duration(frame * 33'333'333));
    EXPECT_GT(stamp.dts, last);
    EXPECT_EQ(stamp.pts, 90'000 + frame * 3'000);
    EXPECT_LE(stamp.dts, stamp.pts);
    last = stamp.dts;
  }
  EXPECT_EQ(clock.counters().nudged, 0U);
}

TEST(Timeline, StampsAfterFiller) {
  Timeline timeline;
  TrackClock clock(timeline, 48'000);
  clock.stamp(0, start);
  clock.advance_to(100'000);
  EXPECT_EQ(clock.stamp(960, start + milliseconds(20)).dts, 100'001);
}

}  // namespace
}  // namespace holdfast::media

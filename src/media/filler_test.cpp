#include "media/filler.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::media {
namespace {

constexpr Ticks second = ticks_per_second;
constexpr Ticks hold_off = 2 * second;

struct SilenceFiller : testing::Test {
  Filler filler{FillRule::silence(1'800), second, hold_off};

  void video_until(Ticks end) {
    for (; video_ <= end; video_ += 3'000) filler.handle_other(video_);
  }
  std::vector<Ticks> due(Ticks now) {
    std::vector<Ticks> frames;
    while (const auto pts = filler.next(now)) frames.push_back(*pts);
    return frames;
  }
  Ticks video_ = second;
};

TEST_F(SilenceFiller, FillsATrackThatNeverCame) {
  video_until(10 * second);
  const auto frames = due(10 * second);
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(frames.front(), second);
  EXPECT_EQ(frames[1], second + 1'800);
  EXPECT_LE(frames.back() + 1'800, 8 * second);
  EXPECT_GT(frames.back() + 2 * 1'800, 8 * second);
  EXPECT_FALSE(filler.needs_key_frame());
}

TEST_F(SilenceFiller, LeavesRoomForWhatMayStillCome) {
  video_until(10 * second);
  filler.handle_frame(8 * second - 1'800, 1'800, Picture::key);
  EXPECT_TRUE(due(10 * second).empty());
}

TEST_F(SilenceFiller, NeverRunsAheadOfTheOtherTracks) {
  video_until(3 * second);
  const auto frames = due(60 * second);
  EXPECT_LE(frames.back() + 1'800, 3 * second);
}

TEST_F(SilenceFiller, LeavesAGapInEverything) {
  filler.handle_frame(second, 1'800, Picture::key);
  video_until(2 * second);
  due(20 * second);
  video_ = 40 * second;
  video_until(50 * second);
  EXPECT_EQ(due(50 * second).front(), 40 * second);
}

TEST_F(SilenceFiller, LeavesShortHolesToTheDecoder) {
  video_until(10 * second);
  filler.handle_frame(5 * second, 1'800, Picture::key);
  EXPECT_FALSE(filler.next_before(5 * second + 1'800 + second / 10));
}

TEST_F(SilenceFiller, FillsAHoleBeforeARealFrameAtOnce) {
  video_until(10 * second);
  filler.handle_frame(5 * second - 1'800, 1'800, Picture::key);
  std::vector<Ticks> frames;
  while (const auto pts = filler.next_before(6 * second)) frames.push_back(*pts);
  EXPECT_EQ(frames.front(), 5 * second);
  EXPECT_LT(frames.back(), 6 * second);
  EXPECT_LE(frames.back() + 1'800, 6 * second);
  EXPECT_EQ(frames.size(), filler.frames());
}

struct PictureFiller : testing::Test {
  Filler filler{FillRule::picture(), second, hold_off};
};

TEST_F(PictureFiller, RepeatsEveryFiveSeconds) {
  filler.handle_frame(10 * second, 0, Picture::key);
  std::vector<Ticks> frames;
  for (Ticks now = 10 * second; now <= 30 * second; now += 1'800) {
    filler.handle_other(now);
    while (const auto pts = filler.next(now)) frames.push_back(*pts);
  }
  EXPECT_EQ(frames, (std::vector<Ticks>{15 * second, 20 * second, 25 * second}));
}

TEST_F(PictureFiller, WantsAKeyFrameAfterARepeat) {
  filler.handle_frame(10 * second, 0, Picture::key);
  for (Ticks now = 10 * second; now < 20 * second; now += 1'800) filler.handle_other(now);
  EXPECT_FALSE(filler.needs_key_frame());
  EXPECT_TRUE(filler.next(20 * second));
  EXPECT_TRUE(filler.needs_key_frame());
  filler.handle_frame(20 * second, 0, Picture::delta);
  EXPECT_TRUE(filler.needs_key_frame());
  filler.handle_frame(21 * second, 0, Picture::key);
  EXPECT_FALSE(filler.needs_key_frame());
}

TEST(Filler, DoesNothingWhenOff) {
  Filler filler(FillRule::silence(1'800), second, hold_off, Fill::off);
  filler.handle_other(10 * second);
  EXPECT_FALSE(filler.next(100 * second));
  EXPECT_FALSE(filler.next_before(100 * second));
}

}  // namespace
}  // namespace holdfast::media

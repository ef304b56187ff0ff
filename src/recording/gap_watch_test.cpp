#include "recording/gap_watch.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::recording {
namespace {

using namespace std::chrono_literals;
using Tracks = GapWatch::Tracks;

class GapWatchTest : public testing::Test {
 protected:
  // A tick every 100 ms, with a packet each time while media comes.
  void media(Duration span) { pass(span, true); }
  void silence(Duration span) { pass(span, false); }

  Instant now_{1h};
  Tracks tracks_ = Tracks::expected;
  GapWatch::Recording recording_ = GapWatch::Recording::begun;
  GapWatch watch_{{.gap = 60s, .mute = 5min}, now_};
  std::vector<Gap> gaps_;

 private:
  void pass(Duration span, bool packets) {
    for (const Instant end = now_ + span; now_ < end;) {
      now_ += 100ms;
      if (packets) watch_.handle_packet(now_);
      if (const auto gap = watch_.handle_tick(now_, tracks_, recording_)) gaps_.push_back(*gap);
    }
  }
};

TEST_F(GapWatchTest, AGapLastsFromPacketToPacket) {
  media(5s);
  silence(9900ms);
  EXPECT_TRUE(watch_.in_gap());
  EXPECT_EQ(watch_.total(now_), 9900ms);
  media(1s);
  ASSERT_EQ(gaps_.size(), 1u);
  EXPECT_EQ(gaps_[0].to - gaps_[0].from, 10s);
  EXPECT_EQ(gaps_[0].cause, GapCause::network);
  EXPECT_FALSE(watch_.in_gap());
  EXPECT_EQ(watch_.total(now_), 10s);
}

TEST_F(GapWatchTest, WhatARestartCostIsAGapHoweverShort) {
  for (const Duration gone : {Duration(500ms), Duration(10s), Duration(5min)}) {
    GapWatch watch = GapWatch::resume({.gap = 60s, .mute = {}}, now_, now_ - gone);
    EXPECT_FALSE(watch.handle_tick(now_, Tracks::expected, GapWatch::Recording::begun));
    EXPECT_TRUE(watch.in_gap());
    EXPECT_FALSE(watch.handle_tick(now_ + 59s, Tracks::expected, GapWatch::Recording::begun));
    EXPECT_EQ(watch.limit_reached(), std::nullopt) << "the limit counts from the restart";
    watch.handle_packet(now_ + 59s);
    const auto gap = watch.handle_tick(now_ + 59s, Tracks::expected, GapWatch::Recording::begun);
    ASSERT_TRUE(gap);
    EXPECT_EQ(gap->to - gap->from, gone + 59s);
    EXPECT_EQ(gap->cause, GapCause::restart);
  }
}

TEST_F(GapWatchTest, LessThanTwoSecondsAreNoGap) {
  media(5s);
  silence(1900ms);
  media(1s);
  EXPECT_EQ(watch_.count(), 0u);
}

TEST_F(GapWatchTest, BeforeTheRecordingHasBegunNothingIsAGapButTheLimitHolds) {
  recording_ = GapWatch::Recording::not_begun;
  silence(59s);
  EXPECT_FALSE(watch_.in_gap());
  EXPECT_EQ(watch_.limit_reached(), std::nullopt);
  silence(1s);
  EXPECT_EQ(watch_.limit_reached(), journal::EndReason::gap_limit);
}

TEST_F(GapWatchTest, TheFirstCauseThatIsKnownStays) {
  media(1s);
  silence(5s);
  watch_.suspect(GapCause::server);
  silence(1s);
  watch_.suspect(GapCause::network);
  tracks_ = Tracks::all_left;
  silence(1s);
  EXPECT_EQ(watch_.cause(), "server");
  tracks_ = Tracks::expected;
  media(1s);
  tracks_ = Tracks::all_left;
  silence(3s);
  EXPECT_EQ(watch_.cause(), "left");
}

TEST_F(GapWatchTest, MuteIsNoGapAndHasALimitOfItsOwn) {
  media(1s);
  tracks_ = Tracks::all_muted;
  silence(299s);
  EXPECT_EQ(watch_.count(), 0u);
  EXPECT_EQ(watch_.limit_reached(), std::nullopt);
  silence(2s);
  EXPECT_EQ(watch_.limit_reached(), journal::EndReason::mute_limit);
}

TEST_F(GapWatchTest, ARecordingThatEndsInAGapEndsItToo) {
  media(1s);
  silence(7s);
  const auto gap = watch_.finish(now_);
  ASSERT_TRUE(gap.has_value());
  EXPECT_EQ(gap->to - gap->from, 7s);
  EXPECT_FALSE(watch_.finish(now_).has_value());
}

}  // namespace
}  // namespace holdfast::recording

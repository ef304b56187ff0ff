#include "livekit/continuity.hpp"

#include <gtest/gtest.h>

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using Step = Continuity::Step;

class ContinuityTest : public testing::Test {
 protected:
  Continuity::Attempt end(EndKind kind = EndKind::resume) { return continuity_.after_end(kind, now_); }
  void connect() { continuity_.handle_connected(now_); }
  void pass(Duration span) { now_ += span; }

  Instant now_{1h};
  SeededRandom random_{7};
  Continuity continuity_{random_};
};

TEST_F(ContinuityTest, ALostConnectionIsResumedAtOnce) {
  connect();
  pass(1min);
  const auto attempt = end();
  EXPECT_EQ(attempt.step, Step::resume);
  EXPECT_EQ(attempt.wait, 0s);
}

TEST_F(ContinuityTest, WhatTheServerWantsAnewIsJoinedAnew) {
  connect();
  EXPECT_EQ(end(EndKind::rejoin).step, Step::join);
  EXPECT_EQ(end(EndKind::not_live).step, Step::join);
}

TEST_F(ContinuityTest, TheWaitsGrowAndVary) {
  connect();
  pass(1min);
  end();
  for (const Duration about : {300ms, 1200ms, 2700ms, 4800ms, 7000ms, 7000ms, 7000ms}) {
    const Duration wait = end().wait;
    EXPECT_GE(wait, about * 3 / 4);
    EXPECT_LE(wait, about * 5 / 4);
    EXPECT_NE(wait, about);
  }
}

TEST_F(ContinuityTest, ASessionThatCannotBeResumedForLongIsJoinedAnew) {
  connect();
  pass(1min);
  EXPECT_EQ(end().step, Step::resume);
  pass(29s);
  EXPECT_EQ(end().step, Step::resume);
  pass(1s);
  EXPECT_EQ(end().step, Step::join);
}

TEST_F(ContinuityTest, AConnectionThatDoesNotHoldDoesNotMakeUsHasty) {
  connect();
  pass(1min);
  for (int i = 0; i < 6; ++i) {
    end();
    connect();
    pass(1s);
  }
  EXPECT_GT(end().wait, 5s);
  connect();
  pass(10s);
  EXPECT_EQ(end().wait, 0s);
}

TEST_F(ContinuityTest, LostMediaIsHelpedByAnIceRestartOnce) {
  connect();
  pass(1min);
  EXPECT_EQ(continuity_.after_media_loss(now_).step, Step::resume);
  connect();
  pass(30s);
  EXPECT_EQ(continuity_.after_media_loss(now_).step, Step::join);
  connect();
  pass(2min);
  EXPECT_EQ(continuity_.after_media_loss(now_).step, Step::resume);
}

}  // namespace
}  // namespace holdfast::livekit

#include "rtp/receive_stream_test.hpp"

namespace holdfast::rtp {
namespace {

TEST_F(ReceiveStreamTest, OvertakingPacketsAreNotAskedFor) {
  receive(0);
  receive(2);
  now_ += 9ms;
  receive(1);
  pass(1s);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForTenMillisecondsAfterItWasSeen) {
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(50ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen + 10ms}));
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForAtOnceWhenThreePacketsCameAfterIt) {
  receive(0);
  receive(2);
  receive(3);
  EXPECT_GT(stream_->deadline(), now_);
  receive(4);
  EXPECT_LE(stream_->deadline(), now_);
  const Instant seen = now_;
  pass(1ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen}));
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForEvery100MillisecondsAsLongAsItIsOpen) {
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(3s);
  ASSERT_EQ(asked_[1].size(), 15u);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(asked_[1][i], seen + 10ms + i * 100ms);
}

TEST_F(ReceiveStreamTest, AnAskIsThreeNacksAndTheNextComesWhenItsAnswerCouldHave) {
  stream_->set_round_trip(200ms);
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(300ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen + 10ms, seen + 20ms, seen + 30ms, seen + 280ms,
                                             seen + 290ms, seen + 300ms}));
}

TEST_F(ReceiveStreamTest, OnAShortPathAnAskIsOneNack) {
  stream_->set_round_trip(15ms);
  receive(0);
  receive(2);
  pass(200ms);
  EXPECT_EQ(asked_[1].size(), 2u);
}

TEST_F(ReceiveStreamTest, WhereTheSenderSoonForgetsItIsAskedThreeTimesBefore) {
  stream_->set_round_trip(200ms);
  int sequence = 0;
  for (; sequence < 200; ++sequence) receive(sequence), pass(1ms);  // it keeps 480 of them: 0.48 s
  asked_.clear();
  const int hole = sequence++;
  for (; sequence < hole + 400; ++sequence) receive(sequence), pass(1ms);
  EXPECT_GE(asked_[static_cast<std::uint16_t>(hole)].size(), 9u);
}

TEST_F(ReceiveStreamTest, ASenderThatAnswersEveryNackIsSentOne) {
  use(video_with_rtx());
  stream_->set_round_trip(80ms);
  receive(0);
  for (int hole = 1; hole < 9; hole += 2) {
    asked_.clear();
    receive(hole + 1);
    pass(90ms);
    if (hole < 7) {
      EXPECT_EQ(asked_[static_cast<std::uint16_t>(hole)].size(), 3u);
    }
    for (int copy = 0; copy < 3; ++copy) receive_resent(hole);
  }
  EXPECT_EQ(asked_[7].size(), 1u);
  EXPECT_EQ(ledger_.recovered(), 4u);
  EXPECT_EQ(ledger_.duplicates(), 8u);
}

TEST_F(ReceiveStreamTest, TheAnswersTellTheRoundTrip) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(10ms);  // asked
  pass(60ms);
  receive_resent(1);
  asked_.clear();
  receive(4);
  pass(240ms);
  EXPECT_EQ(asked_[3].size(), 6u);  // two volleys
  EXPECT_EQ(asked_[3][3] - asked_[3][2], 100ms);
}

TEST_F(ReceiveStreamTest, WherePacketsComeLateTheyAreGivenTheirTime) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(100ms);
  receive(1);
  asked_.clear();
  const auto asked_after = [&](int hole) {
    const Instant seen = now_;
    for (int i = 1; i < 6; ++i) receive(hole + i);
    pass(400ms);
    return asked_[static_cast<std::uint16_t>(hole)].front() - seen;
  };
  EXPECT_EQ(asked_after(3), 125ms);
  // Losses take it back.
  receive_resent(3);
  EXPECT_EQ(asked_after(9), Duration(125ms) * 7 / 8);
}

TEST_F(ReceiveStreamTest, WhatComesBeforeAnAnswerCouldWasOnlyLate) {
  stream_->set_round_trip(100ms);
  receive(0);
  receive(2);
  pass(20ms);
  receive(1);
  EXPECT_EQ(ledger_.recovered(), 0u);
}

TEST_F(ReceiveStreamTest, WhatComesAfterAnAskIsRecovered) {
  receive(0);
  receive(2);
  pass(20ms);
  receive(1);
  EXPECT_EQ(ledger_.recovered(), 1u);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2}));
}

TEST_F(ReceiveStreamTest, WithoutNackNothingIsAsked) {
  ReceiveStream::Config config = video();
  config.retransmission = ReceiveStream::Retransmission::none;
  use(config);
  receive(0);
  receive(2);
  pass(2s);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2}));
}

}  // namespace
}  // namespace holdfast::rtp

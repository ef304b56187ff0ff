#include "sim/sim_downtrack.hpp"

#include <gtest/gtest.h>

#include "rtp/packet.hpp"

namespace holdfast::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration patience = 1500ms;

class SimDowntrackTest : public testing::Test {
 protected:
  SimDowntrackTest() { downtrack_.set_round_trip(50ms); }

  void forward(int packets = 1, SimDowntrack::Begins begins = SimDowntrack::Begins::nothing) {
    static constexpr std::array<std::uint8_t, 3> payload{1, 2, 3};
    for (int i = 0; i < packets; ++i) downtrack_.forward(now_, payload, 3000, true, begins);
  }
  void ask(std::uint16_t sequence) {
    ByteVector datagram;
    rtp::RtcpBuilder(datagram, Ssrc(9)).nack(Ssrc(1), {&sequence, 1});
    rtp::RtcpReader reader(datagram);
    downtrack_.handle_nack(now_, std::get<rtp::Nack>(*reader.next()));
  }
  std::size_t sent() const { return sent_.size(); }
  std::uint64_t count(Fate fate) const { return downtrack_.count(fate, patience); }

  Instant now_{1h};
  bool lossy_ = true;
  std::vector<ByteVector> sent_;
  SimDowntrack downtrack_{{.ssrc = Ssrc(1),
                           .payload_type = PayloadType(96),
                           .rtx = rtp::SendStream::Resend{Ssrc(2), PayloadType(97)}},
                          [this](Bytes packet) {
                            sent_.emplace_back(packet.begin(), packet.end());
                            return lossy_ ? std::nullopt : std::optional(now_ + 20ms);
                          }};
};

TEST_F(SimDowntrackTest, APacketIsResentThreeTimesByRtx) {
  forward();
  for (int i = 0; i < 5; ++i) now_ += 101ms, ask(0);
  ASSERT_EQ(sent(), 4u);
  const auto resent = rtp::Packet::parse(sent_.back());
  EXPECT_EQ(resent->ssrc, Ssrc(2));
  EXPECT_EQ(resent->payload_type, PayloadType(97));
  EXPECT_EQ(resent->payload.size(), 5u);
  EXPECT_EQ(count(Fate::all_copies_lost), 1u);
}

TEST_F(SimDowntrackTest, APacketIsNotResentWithin100MsOfItsLastCopy) {
  forward();
  now_ += 100ms, ask(0);
  EXPECT_EQ(sent(), 1u);
  now_ += 1ms, ask(0);
  EXPECT_EQ(sent(), 2u);
  EXPECT_EQ(count(Fate::tries_left), 1u);
}

TEST_F(SimDowntrackTest, OnAShortPathTwoRoundTripsAreEnough) {
  downtrack_.set_round_trip(10ms);
  forward();
  now_ += 21ms, ask(0);
  EXPECT_EQ(sent(), 2u);
}

TEST_F(SimDowntrackTest, WhatHas500PacketsBehindItIsGone) {
  forward(500);
  now_ += 101ms, ask(0);
  EXPECT_EQ(sent(), 501u);
  forward();
  now_ += 101ms, ask(0);
  EXPECT_EQ(sent(), 502u);
  EXPECT_EQ(count(Fate::out_of_history), 1u);
}

TEST_F(SimDowntrackTest, AfterAPliNacksAreIgnoredUntilAKeyFrameIsForwarded) {
  forward();
  downtrack_.handle_picture_loss();
  EXPECT_TRUE(downtrack_.take_key_frame_request());
  now_ += 101ms, ask(0);
  EXPECT_EQ(sent(), 1u);
  EXPECT_EQ(count(Fate::ignored_after_pli), 1u);
  forward(1, SimDowntrack::Begins::key_frame);
  ask(0);
  EXPECT_EQ(sent(), 3u);
}

TEST_F(SimDowntrackTest, ACopyThatArrivesSettlesIt) {
  forward();
  lossy_ = false;
  now_ += 101ms, ask(0);
  EXPECT_EQ(count(Fate::arrived), 1u);
  EXPECT_EQ(downtrack_.counters().first_copy_lost, 1u);
  now_ += 101ms, ask(0);
  EXPECT_EQ(downtrack_.counters().resent_in_vain, 1u);
}

TEST_F(SimDowntrackTest, OfATrackThatEndedNothingIsSentAgain) {
  forward();
  downtrack_.close(now_);
  now_ += 101ms, ask(0);
  EXPECT_EQ(sent(), 1u);
  EXPECT_EQ(count(Fate::out_of_history), 1u);
}

TEST_F(SimDowntrackTest, AReceiverKnowsOfWhatLiesBetweenThePacketsThatArrived) {
  forward();
  EXPECT_EQ(downtrack_.known(patience).packets, 0u);
  for (const bool lossy : {false, true, false, true}) lossy_ = lossy, forward();
  const SimDowntrack::Known known = downtrack_.known(patience);
  EXPECT_EQ(known.packets, 3u);
  EXPECT_EQ(known.past_saving, 0u);
  EXPECT_EQ(known.tries_left, 1u);
}

TEST_F(SimDowntrackTest, WhatCouldNotBeAskedForInTheDarkWasPastSaving) {
  for (const bool lossy : {false, true, false}) lossy_ = lossy, forward();
  const std::array dark{SimDowntrack::Dark{now_ + 1s, now_ + 5s}};
  EXPECT_EQ(downtrack_.known(patience, dark).past_saving, 1u);
  const std::array later{SimDowntrack::Dark{now_ + 2s, now_ + 5s}};
  EXPECT_EQ(downtrack_.known(patience, later).tries_left, 1u);
}

TEST_F(SimDowntrackTest, ProbesGoByRtxAndAreNotPackets) {
  forward();
  downtrack_.probe(SimDowntrack::Probe::padding);
  downtrack_.probe(SimDowntrack::Probe::duplicate);
  ASSERT_EQ(sent(), 3u);
  EXPECT_TRUE(rtp::Packet::parse(sent_[1])->payload.empty());
  EXPECT_EQ(rtp::Packet::parse(sent_[2])->ssrc, Ssrc(2));
  EXPECT_EQ(downtrack_.counters().forwarded, 1u);
}

}  // namespace
}  // namespace holdfast::sim

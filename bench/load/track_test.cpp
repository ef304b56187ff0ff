#include "load/track.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "rtp/packet.hpp"
#include "rtp/sequence.hpp"

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;

// Ten frames a second of one slice each, `sizes` bytes long.
TrackLoop loop_of(const std::vector<std::size_t>& sizes) {
  std::vector<publish::EncodedFrame> frames;
  for (const std::size_t size : sizes) {
    publish::EncodedFrame frame;
    frame.time = static_cast<media::Ticks>(frames.size()) * 9'000;
    frame.payload = {0, 0, 0, 1, 0x41};
    frame.payload.resize(5 + size, static_cast<std::uint8_t>(frames.size() + 1));
    frames.push_back(std::move(frame));
  }
  return {frames, 90'000, static_cast<int>(sizes.size()) * 100ms};
}

class TrackTest : public testing::Test {
 protected:
  static constexpr Instant start{1h};
  struct Sent {
    Instant due;
    ByteVector bytes;
    rtp::Packet packet() const { return rtp::Packet::parse(bytes).value(); }
  };

  Track::Config config() {
    return {.ssrc = Ssrc(7),
            .payload_type = PayloadType(102),
            .first_sequence = 65'530,
            .first_timestamp = 0xffff'f000};
  }
  std::vector<Sent> send(Track& track, int bursts) {
    std::vector<Sent> sent;
    for (int i = 0; i < bursts; ++i) {
      const Instant due = track.due();
      track.send_burst(
          [&](Bytes packet) { sent.push_back({due, ByteVector(packet.begin(), packet.end())}); });
    }
    return sent;
  }

  TrackLoop loop_ = loop_of({100, 3'000, 200});
};

TEST_F(TrackTest, TheLoopBeginsAgainWithoutABreak) {
  Track track(loop_, config(), start);
  const auto sent = send(track, 9);
  ASSERT_EQ(sent.size(), 15u);  // 1, 3 and 1 packets, three times
  for (std::size_t i = 1; i < sent.size(); ++i) {
    const rtp::Packet before = sent[i - 1].packet();
    const rtp::Packet packet = sent[i].packet();
    EXPECT_EQ(rtp::distance(before.sequence, packet.sequence), 1) << "packet " << i;
    EXPECT_EQ(rtp::distance(before.timestamp, packet.timestamp), before.marker ? 9'000 : 0) << "packet " << i;
    EXPECT_EQ(sent[i].due - sent[i - 1].due, before.marker ? 100ms : 0ms) << "packet " << i;
  }
  EXPECT_TRUE(std::ranges::equal(sent[0].packet().payload, sent[5].packet().payload));
}

TEST_F(TrackTest, SessionsThatShareTheLoopDoNotDisturbEachOther) {
  Track one(loop_, config(), start);
  Track::Config other_config = config();
  other_config.ssrc = Ssrc(8);
  Track other(loop_, other_config, start);
  send(one, 1);
  EXPECT_EQ(send(other, 1)[0].packet().ssrc, Ssrc(8));
  EXPECT_EQ(send(one, 1)[0].packet().ssrc, Ssrc(7));
}

TEST_F(TrackTest, ALargeFrameIsPacedOverTenMilliseconds) {
  TrackLoop large = loop_of({80'000});
  Track track(large, config(), start);
  const auto sent = send(track, 3);
  EXPECT_EQ(sent.size(), large.packets().size());
  EXPECT_EQ(sent.front().due, start);
  EXPECT_EQ(sent.back().due, start + 10ms);
  EXPECT_TRUE(sent.back().packet().marker);
}

TEST_F(TrackTest, ANackBringsTheVeryPacketThatWasSent) {
  Track track(loop_, config(), start);
  const auto sent = send(track, 9);
  for (const Sent& each : sent) {
    const auto again = track.resend(each.packet().sequence);
    ASSERT_TRUE(again);
    EXPECT_TRUE(std::ranges::equal(*again, each.bytes));
  }
}

TEST_F(TrackTest, WhatWasNotSentOrIsTooOldIsNotSentAgain) {
  Track::Config short_memory = config();
  short_memory.history = 4;
  Track track(loop_, short_memory, start);
  const auto sent = send(track, 6);
  EXPECT_TRUE(track.resend(sent[sent.size() - 4].packet().sequence));
  EXPECT_FALSE(track.resend(sent[sent.size() - 5].packet().sequence));
  EXPECT_FALSE(track.resend(static_cast<std::uint16_t>(sent.back().packet().sequence + 1)));
  Track fresh(loop_, config(), start);
  EXPECT_FALSE(fresh.resend(65'529));
}

TEST_F(TrackTest, WithRtxAResendIsAPacketOfTheOtherStream) {
  Track::Config with_rtx = config();
  with_rtx.rtx = {Ssrc(9), PayloadType(103)};
  Track track(loop_, with_rtx, start);
  const auto sent = send(track, 1);
  const ByteVector first(track.resend(65'530).value().begin(), track.resend(65'530).value().end());
  const rtp::Packet again = rtp::Packet::parse(first).value();
  EXPECT_EQ(again.ssrc, Ssrc(9));
  EXPECT_EQ(again.payload_type, PayloadType(103));
  EXPECT_EQ(load_u16(again.payload.data()), 65'530);
  EXPECT_TRUE(std::ranges::equal(again.payload.subspan(2), sent[0].packet().payload));
}

TEST_F(TrackTest, AReportIsOnTheMediaClock) {
  Track track(loop_, config(), start);
  const auto sent = send(track, 2);
  const auto report = track.report({start + 100ms, WallTime(0s)});
  EXPECT_EQ(report.rtp_timestamp, sent.back().packet().timestamp);
  EXPECT_EQ(report.packets, 4u);
}

}  // namespace
}  // namespace holdfast::bench

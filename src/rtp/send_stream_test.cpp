#include "rtp/send_stream.hpp"

#include <gtest/gtest.h>

#include "rtp/packet.hpp"

namespace holdfast::rtp {
namespace {

const ByteVector payload = {1, 2, 3};

ByteVector copy(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(SendStreamTest, PacketsAreNumberedAcrossTheWrap) {
  SendStream stream({.ssrc = Ssrc(5), .payload_type = PayloadType(96), .first_sequence = 65'535});
  EXPECT_EQ(Packet::parse(stream.packetize(payload, 10, false))->sequence, 65'535);
  const auto packet = Packet::parse(stream.packetize(payload, 20, true));
  EXPECT_EQ(packet->sequence, 0);
  EXPECT_EQ(packet->timestamp, 20u);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(copy(packet->payload), payload);
}

TEST(SendStreamTest, WithoutRtxThePacketItselfIsSentAgain) {
  SendStream stream({.ssrc = Ssrc(5), .payload_type = PayloadType(96)});
  const ByteVector sent = copy(stream.packetize(payload, 10, true));
  stream.packetize(payload, 20, true);
  EXPECT_EQ(copy(stream.resend(0).value()), sent);
}

TEST(SendStreamTest, RtxCarriesTheOriginalSequenceNumber) {
  SendStream stream({.ssrc = Ssrc(5),
                     .payload_type = PayloadType(96),
                     .rtx = {{Ssrc(6), PayloadType(97)}},
                     .first_sequence = 0x102});
  stream.packetize(payload, 10, true);
  for (std::uint16_t rtx_sequence = 0; rtx_sequence < 2; ++rtx_sequence) {
    const auto packet = Packet::parse(stream.resend(0x102).value());
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->ssrc, Ssrc(6));
    EXPECT_EQ(packet->payload_type, PayloadType(97));
    EXPECT_EQ(packet->sequence, rtx_sequence);
    EXPECT_EQ(packet->timestamp, 10u);
    EXPECT_TRUE(packet->marker);
    EXPECT_EQ(copy(packet->payload), (ByteVector{1, 2, 1, 2, 3}));
  }
}

TEST(SendStreamTest, OnlyTheLastPacketsAreKept) {
  SendStream stream({.ssrc = Ssrc(5), .payload_type = PayloadType(96), .history = 8});
  for (std::uint32_t i = 0; i < 9; ++i) stream.packetize(payload, i, true);
  EXPECT_FALSE(stream.resend(0));
  EXPECT_TRUE(stream.resend(1));
  EXPECT_TRUE(stream.resend(8));
  EXPECT_FALSE(stream.resend(9));
}

TEST(SendStreamTest, TheReportCountsPacketsAndPayload) {
  SendStream stream({.ssrc = Ssrc(5), .payload_type = PayloadType(96)});
  stream.packetize(payload, 10, true);
  stream.packetize(payload, 20, true);
  const SenderInfo info = stream.sender_info(77, 88);
  EXPECT_EQ(info.packets, 2u);
  EXPECT_EQ(info.octets, 6u);
  EXPECT_EQ(info.ntp, 77u);
  EXPECT_EQ(info.rtp_timestamp, 88u);
}

}  // namespace
}  // namespace holdfast::rtp

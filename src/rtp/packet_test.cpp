#include "rtp/packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"

namespace holdfast::rtp {
namespace {

ByteVector packet_with(std::uint8_t first, std::initializer_list<std::uint8_t> rest) {
  ByteVector bytes = {first, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef};
  bytes.insert(bytes.end(), rest);
  return bytes;
}

ByteVector copy(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

TEST(PacketTest, HeaderFieldsAreRead) {
  const ByteVector bytes = packet_with(0x80, {7, 8});
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(packet->payload_type, PayloadType(96));
  EXPECT_EQ(packet->sequence, 0x1234);
  EXPECT_EQ(packet->timestamp, 9u);
  EXPECT_EQ(packet->ssrc, Ssrc(0xdeadbeef));
  EXPECT_EQ(copy(packet->payload), (ByteVector{7, 8}));
}

TEST(PacketTest, ASerializedHeaderReadsBack) {
  Packet packet;
  packet.payload_type = PayloadType(111);
  packet.marker = true;
  packet.sequence = 65'535;
  packet.timestamp = 0xfffffff0;
  packet.ssrc = Ssrc(42);
  ByteVector bytes(header_size);
  serialize_header(packet, bytes);
  const auto read = Packet::parse(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->payload_type, packet.payload_type);
  EXPECT_EQ(read->sequence, packet.sequence);
  EXPECT_EQ(read->timestamp, packet.timestamp);
  EXPECT_EQ(read->ssrc, packet.ssrc);
  EXPECT_TRUE(read->marker);
}

TEST(PacketTest, ContributingSourcesAndPaddingAreNoPayload) {
  const ByteVector bytes = packet_with(0xa2, {0, 0, 0, 1, 0, 0, 0, 2, 5, 6, 0, 0, 3});
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(copy(packet->payload), (ByteVector{5, 6}));
}

TEST(PacketTest, APacketMayBeAllPadding) {
  const auto bytes = packet_with(0xa0, {0, 0, 3});
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->payload.empty());
}

TEST(PacketTest, OneByteExtensionsAreFoundById) {
  const ByteVector bytes = packet_with(0x90, {0xbe, 0xde, 0, 2, 0x10, 0xaa, 0, 0x32, 1, 2, 3, 0, 9});
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(copy(packet->extension(1).value()), (ByteVector{0xaa}));
  EXPECT_EQ(copy(packet->extension(3).value()), (ByteVector{1, 2, 3}));
  EXPECT_FALSE(packet->extension(2));
  EXPECT_FALSE(packet->extension(0));
  EXPECT_EQ(copy(packet->payload), (ByteVector{9}));
}

TEST(PacketTest, TwoByteExtensionsAreFoundById) {
  const ByteVector bytes = packet_with(0x90, {0x10, 0x05, 0, 2, 0, 20, 0, 30, 2, 7, 8, 0, 9});
  const auto packet = Packet::parse(bytes);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->extension(20).value().empty());
  EXPECT_EQ(copy(packet->extension(30).value()), (ByteVector{7, 8}));
}

TEST(PacketTest, AnElementLongerThanItsBlockIsNotFound) {
  const ByteVector bytes =
      packet_with(0x90, {0xbe, 0xde, 0, 1, 0x1f, 1, 2, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9});
  EXPECT_FALSE(Packet::parse(bytes)->extension(1));
}

TEST(PacketTest, WhatIsNoPacketIsRefused) {
  EXPECT_FALSE(Packet::parse({}));
  EXPECT_FALSE(Packet::parse(packet_with(0x40, {1})));                    // version 1
  EXPECT_FALSE(Packet::parse(packet_with(0x8f, {1})));                    // CSRCs that are not there
  EXPECT_FALSE(Packet::parse(packet_with(0x90, {0xbe, 0xde, 0, 2, 1})));  // an extension that is not
  EXPECT_FALSE(Packet::parse(packet_with(0xa0, {1, 2, 9})));              // more padding than packet
  EXPECT_FALSE(Packet::parse(packet_with(0xa0, {1, 2, 0})));              // padding of nothing
  EXPECT_FALSE(Packet::parse(packet_with(0xa0, {})));
}

TEST(PacketTest, RtcpIsToldByItsPacketType) {
  EXPECT_TRUE(is_rtcp(ByteVector{0x80, 200}));
  EXPECT_FALSE(is_rtcp(packet_with(0x80, {})));
  EXPECT_FALSE(is_rtcp(ByteVector{0x80}));
}

TEST(PacketTest, HostileBytesAreReadWithinTheirBounds) {
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ByteVector bytes(random.below(64));
    random.fill(bytes);
    if (!bytes.empty()) bytes[0] = static_cast<std::uint8_t>(0x80 | (bytes[0] & 0x3f));
    if (bytes.size() > 14 && random.below(2)) bytes[12] = 0xbe, bytes[13] = 0xde, bytes[14] = 0;
    const auto packet = Packet::parse(bytes);
    if (!packet) continue;
    ASSERT_LE(packet->payload.size() + packet->extensions.size() + header_size, bytes.size());
    for (int id = 0; id < 256; ++id) {
      const auto data = packet->extension(static_cast<std::uint8_t>(id));
      ASSERT_TRUE(!data || data->size() < bytes.size());
    }
  }
}

}  // namespace
}  // namespace holdfast::rtp

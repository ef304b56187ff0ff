#include "rtp/rtcp.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.hpp"

namespace holdfast::rtp {
namespace {

constexpr Ssrc own(7);
constexpr Ssrc media(9);

std::vector<RtcpMessage> read_all(Bytes datagram, bool* malformed = nullptr) {
  RtcpReader reader(datagram);
  std::vector<RtcpMessage> messages;
  while (auto message = reader.next()) messages.push_back(*message);
  if (malformed) *malformed = reader.malformed();
  return messages;
}

std::vector<std::uint16_t> sequences_of(const Nack& nack) {
  std::vector<std::uint16_t> sequences;
  nack.for_each([&](std::uint16_t sequence) { sequences.push_back(sequence); });
  return sequences;
}

const ReportBlock block = {.source = media,
                           .fraction_lost = 64,
                           .cumulative_lost = -5,
                           .highest_sequence = 0x10203,
                           .jitter = 77,
                           .last_sender_report = 0xabcdef,
                           .delay_since_last_sr = 65'536};

TEST(RtcpTest, ACompoundReadsBackAsItWasBuilt) {
  ByteVector datagram;
  RtcpBuilder builder(datagram, own);
  builder.sender_report({.ntp = 1ull << 40, .rtp_timestamp = 5, .packets = 6, .octets = 7}, {&block, 1});
  builder.receiver_report({&block, 1});
  builder.canonical_name("holdfast");
  builder.picture_loss(media);
  builder.full_intra_request(media, 3);
  builder.bye();
  bool malformed = true;
  const auto messages = read_all(datagram, &malformed);
  EXPECT_FALSE(malformed);
  ASSERT_EQ(messages.size(), 6u);
  const auto& sender = std::get<SenderReport>(messages[0]);
  EXPECT_EQ(sender.sender, own);
  EXPECT_EQ(sender.info.ntp, 1ull << 40);
  EXPECT_EQ(sender.info.octets, 7u);
  EXPECT_EQ(sender.reports.find(media), block);
  EXPECT_EQ(std::get<ReceiverReport>(messages[1]).reports[0], block);
  EXPECT_EQ(std::get<CanonicalName>(messages[2]).name, "holdfast");
  EXPECT_EQ(std::get<PictureLoss>(messages[3]).media, media);
  EXPECT_EQ(std::get<FullIntraRequest>(messages[4]).media, media);
  EXPECT_EQ(std::get<FullIntraRequest>(messages[4]).number, 3);
  EXPECT_TRUE(std::get<Bye>(messages[5]).contains(own));
  EXPECT_FALSE(std::get<Bye>(messages[5]).contains(media));
}

TEST(RtcpTest, EveryPacketIsWholeWords) {
  for (std::size_t length = 0; length < 9; ++length) {
    ByteVector datagram;
    RtcpBuilder(datagram, own).canonical_name(std::string(length, 'x'));
    EXPECT_EQ(datagram.size() % 4, 0u);
    const auto messages = read_all(datagram);
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(std::get<CanonicalName>(messages[0]).name.size(), length);
  }
}

TEST(RtcpTest, NackPacksNeighboursAndCrossesTheWrap) {
  const std::vector<std::uint16_t> wanted = {65'530, 65'531, 65'535, 0, 10, 11, 500};
  ByteVector datagram;
  RtcpBuilder(datagram, own).nack(media, wanted);
  EXPECT_EQ(datagram.size(), 12u + 3 * 4u);
  const auto messages = read_all(datagram);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(sequences_of(std::get<Nack>(messages[0])), wanted);
}

TEST(RtcpTest, AnyNackReadsBack) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    std::vector<std::uint16_t> wanted;
    auto sequence = static_cast<std::uint16_t>(random.next_u32());
    for (std::uint64_t count = 1 + random.below(100); count > 0; --count) {
      wanted.push_back(sequence);
      sequence = static_cast<std::uint16_t>(sequence + 1 + random.below(20));
    }
    ByteVector datagram;
    RtcpBuilder(datagram, own).nack(media, wanted);
    ASSERT_EQ(sequences_of(std::get<Nack>(read_all(datagram).at(0))), wanted);
  }
}

TEST(RtcpTest, UnknownTypesArePassedOver) {
  ByteVector datagram = {0x80, 207, 0, 2, 0, 0, 0, 1, 4, 0, 0, 0,  // XR
                         0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B'};
  RtcpBuilder(datagram, own).picture_loss(media);
  bool malformed = true;
  EXPECT_EQ(read_all(datagram, &malformed).size(), 1u);
  EXPECT_FALSE(malformed);
}

TEST(RtcpTest, EachChunkWithANameIsRead) {
  const ByteVector datagram = {0x83, 202, 0, 6, 0,   0, 0, 1, 1, 1, 'a', 0, 0,   0,
                               0,    2,   2, 1, 'z', 0, 0, 0, 0, 3, 1,   1, 'c', 0};
  const auto messages = read_all(datagram);
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(std::get<CanonicalName>(messages[1]).source, Ssrc(3));
  EXPECT_EQ(std::get<CanonicalName>(messages[1]).name, "c");
}

TEST(RtcpTest, BrokenLengthsEndTheReading) {
  bool malformed = false;
  EXPECT_TRUE(read_all(ByteVector{0x80, 201, 0, 9, 0, 0, 0, 1}, &malformed).empty());
  EXPECT_TRUE(malformed);
  EXPECT_TRUE(
      read_all(ByteVector{0x82, 201, 0, 1, 0, 0, 0, 1}, &malformed).empty());  // blocks that are not there
  EXPECT_TRUE(malformed);
  EXPECT_TRUE(read_all(ByteVector{0x40, 201, 0, 1, 0, 0, 0, 1}, &malformed).empty());  // version 1
  EXPECT_TRUE(malformed);
  EXPECT_TRUE(read_all(ByteVector{0xa0, 201, 0, 1, 0, 0, 0, 9}, &malformed).empty());  // padding
  EXPECT_TRUE(malformed);
}

TEST(RtcpTest, HostileBytesAreReadWithinTheirBounds) {
  ByteVector model;
  RtcpBuilder builder(model, own);
  builder.sender_report({}, {&block, 1});
  builder.canonical_name("name");
  builder.nack(media, std::vector<std::uint16_t>{1, 5, 90});
  builder.picture_loss(media);
  builder.full_intra_request(media, 1);
  builder.bye();
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ByteVector datagram = model;
    for (int flips = 0; flips < 5; ++flips) {
      datagram[random.below(datagram.size())] = static_cast<std::uint8_t>(random.next_u32());
    }
    datagram.resize(random.below(datagram.size() + 1));
    const ByteVector exact(datagram);
    for (const RtcpMessage& message : read_all(exact)) {
      if (const auto* nack = std::get_if<Nack>(&message)) {
        ASSERT_LE(sequences_of(*nack).size(), exact.size() * 5);
      }
      if (const auto* report = std::get_if<SenderReport>(&message)) {
        ASSERT_FALSE(report->reports.find(Ssrc(12345)));
      }
      if (const auto* bye = std::get_if<Bye>(&message)) {
        ASSERT_FALSE(bye->contains(Ssrc(12345)));
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::rtp

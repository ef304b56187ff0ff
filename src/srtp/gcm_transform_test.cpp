#include "srtp/gcm_transform.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"
#include "srtp/libsrtp_transform.hpp"
#include "srtp/session.hpp"

// libsrtp is the judge: what one side protects, the other must read, byte for byte.
namespace holdfast::srtp {
namespace {

struct GcmTransformTest : testing::TestWithParam<std::uint64_t> {
  SeededRandom random{GetParam()};
  dtls::KeyingMaterial alice = keys();
  dtls::KeyingMaterial bob{alice.profile, alice.remote, alice.local};
  std::unique_ptr<Transform> ours = make_gcm_transform(alice.local, alice.remote).value();
  std::unique_ptr<Transform> theirs = make_libsrtp_transform(bob).value();

  dtls::KeyingMaterial keys() {
    dtls::KeyingMaterial made{dtls::SrtpProfile::aead_aes_128_gcm, ByteVector(28), ByteVector(28)};
    random.fill(made.local);
    random.fill(made.remote);
    return made;
  }

  // With CSRCs, an extension, and a payload that may be empty.
  ByteVector rtp_packet(std::uint16_t sequence, std::uint32_t ssrc) {
    const auto sources = static_cast<std::uint8_t>(random.below(4));
    const bool extended = random.below(2) == 1;
    const auto words = static_cast<std::uint16_t>(random.below(5));
    ByteVector packet(12 + 4U * sources + (extended ? 4 + 4U * words : 0) + random.below(1200));
    random.fill(packet);
    packet[0] = static_cast<std::uint8_t>(0x80 | (extended ? 0x10 : 0) | sources);
    store_u16(&packet[2], sequence);
    store_u32(&packet[8], ssrc);
    if (extended) store_u16(&packet[12 + 4U * sources + 2], words);
    return packet;
  }
  ByteVector rtcp_packet(std::uint32_t ssrc) {
    ByteVector packet(8 + 4 * random.below(50));
    random.fill(packet);
    packet[0] = 0x81;
    packet[1] = 200;
    store_u32(&packet[4], ssrc);
    return packet;
  }
};

ByteVector with_room(const ByteVector& plain) {
  ByteVector buffer = plain;
  buffer.resize(plain.size() + Session::max_overhead);
  return buffer;
}

TEST_P(GcmTransformTest, ReadsWhatLibsrtpProtectsAndTheOtherWayRound) {
  auto sequence = static_cast<std::uint16_t>(random.below(0x10000));
  for (int i = 0; i < 500; ++i) {
    sequence = static_cast<std::uint16_t>(sequence + 1 + random.below(200));  // it wraps
    const std::uint32_t ssrc = 7 + static_cast<std::uint32_t>(i % 2);
    const ByteVector plain = rtp_packet(sequence, ssrc);
    for (auto [from, to] : {std::pair{ours.get(), theirs.get()}, std::pair{theirs.get(), ours.get()}}) {
      ByteVector wire = with_room(plain);
      const auto size = from->protect_rtp(wire, plain.size());
      ASSERT_TRUE(size);
      wire.resize(*size);
      const auto read = to->unprotect_rtp(wire);
      ASSERT_TRUE(read) << "packet " << i << " of seed " << GetParam();
      EXPECT_TRUE(std::ranges::equal(Bytes(wire).first(*read), plain));
    }
  }
}

TEST_P(GcmTransformTest, ControlPacketsToo) {
  for (int i = 0; i < 200; ++i) {
    const ByteVector plain = rtcp_packet(9);
    for (auto [from, to] : {std::pair{ours.get(), theirs.get()}, std::pair{theirs.get(), ours.get()}}) {
      ByteVector wire = with_room(plain);
      const auto size = from->protect_rtcp(wire, plain.size());
      ASSERT_TRUE(size);
      wire.resize(*size);
      ByteVector again = wire;
      const auto read = to->unprotect_rtcp(wire);
      ASSERT_TRUE(read);
      EXPECT_TRUE(std::ranges::equal(Bytes(wire).first(*read), plain));
      EXPECT_FALSE(to->unprotect_rtcp(again)) << "a second time";
    }
  }
}

TEST_P(GcmTransformTest, WhatComesOutOfOrderIsReadAcrossAWrap) {
  std::vector<ByteVector> wires;
  for (int i = 0; i < 300; ++i) {
    const ByteVector plain = rtp_packet(static_cast<std::uint16_t>(65'400 + i), 7);
    ByteVector wire = with_room(plain);
    wire.resize(*theirs->protect_rtp(wire, plain.size()));
    wires.push_back(std::move(wire));
  }
  // The first one first: it tells where the count begins.
  for (std::size_t i = wires.size() - 1; i > 1; --i) std::swap(wires[i], wires[1 + random.below(i)]);
  for (ByteVector& wire : wires) {
    ByteVector again = wire;
    EXPECT_TRUE(ours->unprotect_rtp(wire));
    EXPECT_EQ(ours->unprotect_rtp(again).error(), Refusal::replayed);
  }
}

TEST_P(GcmTransformTest, APacketSentAgainIsTheSameBytes) {
  const ByteVector plain = rtp_packet(65'535, 7);
  ByteVector first = with_room(plain);
  ASSERT_TRUE(ours->protect_rtp(first, plain.size()));
  ByteVector next = with_room(rtp_packet(0, 7));
  ASSERT_TRUE(ours->protect_rtp(next, next.size() - Session::max_overhead));
  ByteVector second = with_room(plain);
  ASSERT_TRUE(ours->protect_rtp(second, plain.size()));
  EXPECT_EQ(first, second);
}

TEST_P(GcmTransformTest, ManySsrcsCostNoMoreThanAFew) {
  for (std::uint32_t ssrc = 0; ssrc < 5'000; ++ssrc) {
    const ByteVector plain = rtp_packet(1, ssrc);
    ByteVector wire = with_room(plain);
    wire.resize(*theirs->protect_rtp(wire, plain.size()));
    EXPECT_TRUE(ours->unprotect_rtp(wire));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, GcmTransformTest, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace holdfast::srtp

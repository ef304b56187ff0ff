#include "srtp/session.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"

namespace holdfast::srtp {
namespace {

dtls::KeyingMaterial keys_for(dtls::SrtpProfile profile, std::uint64_t seed) {
  SeededRandom random(seed);
  const std::size_t size = profile == dtls::SrtpProfile::aead_aes_128_gcm ? 28 : 30;
  dtls::KeyingMaterial keys{profile, ByteVector(size), ByteVector(size)};
  random.fill(keys.local);
  random.fill(keys.remote);
  return keys;
}

dtls::KeyingMaterial other_side(const dtls::KeyingMaterial& keys) {
  return {keys.profile, keys.remote, keys.local};
}

ByteVector rtp_packet(std::uint16_t sequence, std::uint32_t ssrc = 99, std::size_t payload = 100) {
  ByteVector packet(12 + payload, 0xab);
  packet[0] = 0x80;
  packet[1] = 96;
  store_u16(&packet[2], sequence);
  store_u32(&packet[4], 1234);
  store_u32(&packet[8], ssrc);
  return packet;
}

ByteVector receiver_report() {
  return {0x80, 201, 0, 1, 0, 0, 0, 99};
}

// Alice sends, Bob receives; what is sent is kept as a vector that Bob may decrypt in place.
class Srtp : public ::testing::TestWithParam<dtls::SrtpProfile> {
 protected:
  ByteVector sent(const ByteVector& plain) { return protect(plain, &Session::protect_rtp); }
  ByteVector sent_control(const ByteVector& plain) { return protect(plain, &Session::protect_rtcp); }
  bool receives(ByteVector wire) { return bob_.unprotect_rtp(wire).has_value(); }

  dtls::KeyingMaterial keys_ = keys_for(GetParam(), 1);
  Session alice_ = Session::open(keys_).value();
  Session bob_ = Session::open(other_side(keys_)).value();

 private:
  ByteVector protect(const ByteVector& plain,
                     std::optional<Bytes> (Session::*method)(MutableBytes, std::size_t)) {
    ByteVector buffer = plain;
    buffer.resize(plain.size() + Session::max_overhead);
    const auto wire = (alice_.*method)(buffer, plain.size());
    EXPECT_TRUE(wire.has_value());
    return wire ? ByteVector(wire->begin(), wire->end()) : ByteVector{};
  }
};

TEST_P(Srtp, WhatIsProtectedComesOutAsItWas) {
  ByteVector wire = sent(rtp_packet(1));
  EXPECT_GT(wire.size(), rtp_packet(1).size());
  EXPECT_FALSE(std::ranges::equal(Bytes(wire).first(112), rtp_packet(1)));
  const auto plain = bob_.unprotect_rtp(wire);
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->data(), wire.data());
  EXPECT_TRUE(std::ranges::equal(*plain, rtp_packet(1)));
}

TEST_P(Srtp, ControlPacketsToo) {
  ByteVector wire = sent_control(receiver_report());
  const auto plain = bob_.unprotect_rtcp(wire);
  ASSERT_TRUE(plain.has_value());
  EXPECT_TRUE(std::ranges::equal(*plain, receiver_report()));
}

TEST_P(Srtp, EveryFlippedByteIsNoticed) {
  const ByteVector wire = sent(rtp_packet(1));
  for (std::size_t at = 12; at < wire.size(); ++at) {
    ByteVector forged = wire;
    forged[at] ^= 1;
    EXPECT_FALSE(receives(forged)) << at;
  }
  EXPECT_EQ(bob_.counters().unauthentic, wire.size() - 12);
  EXPECT_TRUE(receives(wire));
}

TEST_P(Srtp, AForgedControlPacketIsNoticed) {
  ByteVector wire = sent_control(receiver_report());
  wire.back() ^= 1;
  EXPECT_FALSE(bob_.unprotect_rtcp(wire).has_value());
  EXPECT_EQ(bob_.counters().unauthentic, 1u);
}

TEST_P(Srtp, APacketIsTakenOnce) {
  const ByteVector wire = sent(rtp_packet(1));
  EXPECT_TRUE(receives(wire));
  EXPECT_FALSE(receives(wire));
  EXPECT_EQ(bob_.counters().replayed, 1u);
}

TEST_P(Srtp, APacketSentAgainIsTheSameAndFillsTheHole) {
  sent(rtp_packet(1));
  EXPECT_TRUE(receives(sent(rtp_packet(2))));
  EXPECT_TRUE(receives(sent(rtp_packet(1))));
}

TEST_P(Srtp, ALatePacketIsTakenWithinTheWindow) {
  const ByteVector early = sent(rtp_packet(1));
  const ByteVector second = sent(rtp_packet(2));
  EXPECT_TRUE(receives(sent(rtp_packet(3))));
  EXPECT_TRUE(receives(sent(rtp_packet(2 + 2047))));
  EXPECT_TRUE(receives(second));
  EXPECT_FALSE(receives(early));
  EXPECT_EQ(bob_.counters().replayed, 1u);
}

TEST_P(Srtp, SequenceNumbersMayWrap) {
  for (std::uint16_t sequence = 65'530; sequence != 10; ++sequence)
    EXPECT_TRUE(receives(sent(rtp_packet(sequence))));
}

TEST_P(Srtp, SsrcsAreAloneWithTheirNumbers) {
  EXPECT_TRUE(receives(sent(rtp_packet(1, 7))));
  EXPECT_TRUE(receives(sent(rtp_packet(1, 8))));
}

TEST_P(Srtp, AForgottenSsrcMayComeBack) {
  const ByteVector wire = sent(rtp_packet(1, 7));
  EXPECT_TRUE(receives(wire));
  bob_.forget(Ssrc(7));
  bob_.forget(Ssrc(12345));
  EXPECT_TRUE(receives(wire));
}

TEST_P(Srtp, OtherKeysOpenNothing) {
  Session eve = Session::open(keys_for(GetParam(), 2)).value();
  ByteVector wire = sent(rtp_packet(1));
  EXPECT_FALSE(eve.unprotect_rtp(wire).has_value());
  EXPECT_EQ(eve.counters().unauthentic, 1u);
}

TEST_P(Srtp, NonsenseIsCountedAndNeverCrashes) {
  SeededRandom random(5);
  std::uint64_t refused = 0;
  for (int run = 0; run < 2'000; ++run) {
    ByteVector wire(random.below(64));
    random.fill(wire);
    if (!wire.empty()) wire[0] = static_cast<std::uint8_t>(0x80 | (wire[0] & 0x3f));
    ByteVector copy = wire;
    refused += bob_.unprotect_rtp(wire).has_value() ? 0 : 1;
    refused += bob_.unprotect_rtcp(copy).has_value() ? 0 : 1;
  }
  EXPECT_EQ(refused, 4'000u);
  const Counters& counters = bob_.counters();
  EXPECT_EQ(counters.malformed + counters.unauthentic + counters.replayed, 4'000u);
  EXPECT_GT(counters.malformed, 0u);
}

TEST_P(Srtp, ABufferWithoutRoomIsRefused) {
  ByteVector buffer = rtp_packet(1);
  EXPECT_FALSE(alice_.protect_rtp(buffer, buffer.size()).has_value());
  EXPECT_FALSE(alice_.protect_rtcp(buffer, buffer.size()).has_value());
}

TEST_P(Srtp, KeysOfTheWrongLengthAreRefused) {
  dtls::KeyingMaterial keys = keys_;
  keys.remote.pop_back();
  EXPECT_FALSE(Session::open(keys).has_value());
}

INSTANTIATE_TEST_SUITE_P(Profiles, Srtp,
                         ::testing::Values(dtls::SrtpProfile::aead_aes_128_gcm,
                                           dtls::SrtpProfile::aes128_cm_sha1_80),
                         [](const auto& instance) {
                           return instance.param == dtls::SrtpProfile::aead_aes_128_gcm ? "Gcm" : "CmSha1";
                         });

}  // namespace
}  // namespace holdfast::srtp

#include "floor/bare_cipher.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "load/bare_session.hpp"

namespace holdfast::bench {
namespace {

// As the load protects it.
class BareCipherTest : public testing::Test {
 protected:
  ByteVector protect(std::uint16_t sequence) {
    ByteVector packet{0x80, 102, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 'h', 'e', 'l', 'l', 'o'};
    store_u16(&packet[2], sequence);
    const std::size_t size = packet.size();
    packet.resize(size + srtp::Session::max_overhead);
    packet.resize(sender_.protect_rtp(packet, size).value().size());
    return packet;
  }
  srtp::Session sender_ = srtp::Session::open(bare_keys()).value();
  BareCipher cipher_{bare_keys().remote};
};

TEST_F(BareCipherTest, ReadsWhatSrtpWrites) {
  ByteVector packet = protect(1);
  const auto payload = cipher_.open(packet, 0);
  ASSERT_TRUE(payload);
  EXPECT_EQ(as_text(*payload), "hello");
}

TEST_F(BareCipherTest, ASequenceNumberThatWrappedIsReadWithItsRollovers) {
  ByteVector last = protect(65'535);
  EXPECT_TRUE(cipher_.open(last, 0));
  ByteVector first = protect(0);
  ByteVector copy = first;
  EXPECT_FALSE(cipher_.open(copy, 0));
  EXPECT_TRUE(cipher_.open(first, 1));
}

TEST_F(BareCipherTest, WhatWasTouchedIsNotTaken) {
  ByteVector packet = protect(1);
  packet[13] ^= 1;
  EXPECT_FALSE(cipher_.open(packet, 0));
  EXPECT_FALSE(cipher_.open(MutableBytes(packet).first(20), 0));
}

}  // namespace
}  // namespace holdfast::bench

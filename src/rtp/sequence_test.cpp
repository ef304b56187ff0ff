#include "rtp/sequence.hpp"

#include <gtest/gtest.h>

namespace holdfast::rtp {
namespace {

TEST(UnwrapperTest, NumbersGoOnAcrossTheWrap) {
  Unwrapper<std::uint16_t> sequence;
  EXPECT_EQ(sequence.unwrap(65'534), 65'534);
  EXPECT_EQ(sequence.unwrap(65'535), 65'535);
  EXPECT_EQ(sequence.unwrap(0), 65'536);
  EXPECT_EQ(sequence.unwrap(1), 65'537);
}

TEST(UnwrapperTest, ReorderingAcrossTheWrapIsHarmless) {
  TimestampUnwrapper time;
  EXPECT_EQ(time.unwrap(5), 5);
  EXPECT_EQ(time.unwrap(0xffff'fffb), -5);
  EXPECT_EQ(time.unwrap(10), 10);
}

TEST(UnwrapperTest, DaysOfTimestampsKeepRising) {
  TimestampUnwrapper time;
  std::int64_t expected = 0xffff'0000;
  for (int minute = 0; minute < 10 * 24 * 60; ++minute, expected += 60 * 90'000) {
    ASSERT_EQ(time.unwrap(static_cast<std::uint32_t>(expected)), expected);
  }
}

TEST(UnwrapperTest, NearDoesNotMoveThePointOfReference) {
  Unwrapper<std::uint16_t> sequence;
  sequence.unwrap(100);
  EXPECT_EQ(sequence.near(30'000), 30'000);
  EXPECT_EQ(sequence.near(60'000), 60'000 - 65'536);
  EXPECT_EQ(sequence.unwrap(101), 101);
}

}  // namespace
}  // namespace holdfast::rtp

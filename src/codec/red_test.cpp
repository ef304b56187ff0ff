#include "codec/red.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace holdfast::codec {
namespace {

const ByteVector frame_20ms = {0xf8, 1, 2, 3};  // CELT, 20 ms, mono
const ByteVector primary = {0xf8, 9, 9};

struct Older {
  std::uint32_t offset;
  ByteVector payload;
};

ByteVector red(const std::vector<Older>& older, const ByteVector& last = primary) {
  ByteVector bytes;
  ByteWriter writer(bytes);
  for (const Older& block : older) {
    writer.write_u8(0x80 | 111);
    writer.write_u24(block.offset << 10 | static_cast<std::uint32_t>(block.payload.size()));
  }
  writer.write_u8(111);
  for (const Older& block : older) writer.write_bytes(block.payload);
  writer.write_bytes(last);
  return bytes;
}

ByteVector bytes(Bytes view) {
  return {view.begin(), view.end()};
}

TEST(Red, BlocksComeOutInOrderAndThePrimaryLast) {
  const ByteVector payload = red({{1920, {1, 2}}, {960, frame_20ms}});
  const auto parsed = RedPayload::parse(payload);
  ASSERT_TRUE(parsed.has_value());
  ASSERT_EQ(parsed->older().size(), 2u);
  EXPECT_EQ(parsed->older()[0].offset, 1920);
  EXPECT_EQ(bytes(parsed->older()[0].payload), (ByteVector{1, 2}));
  EXPECT_EQ(bytes(parsed->older()[1].payload), frame_20ms);
  EXPECT_EQ(bytes(parsed->primary()), primary);
}

TEST(Red, ThePrimaryMayStandAlone) {
  const ByteVector payload = red({});
  const auto parsed = RedPayload::parse(payload);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->older().empty());
  EXPECT_EQ(bytes(parsed->primary()), primary);
}

// As a LiveKit server forwarded it from libwebrtc: block type 111, offset 960, 121 bytes.
TEST(Red, AFirstHeaderAsSeenOnTheWire) {
  ByteVector payload = {0xef, 0x0f, 0x00, 0x79, 0x6f};
  payload.resize(5 + 121 + 40, 0xf8);
  const auto parsed = RedPayload::parse(payload);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->older()[0].offset, 960);
  EXPECT_EQ(parsed->older()[0].payload.size(), 121u);
  EXPECT_EQ(parsed->primary().size(), 40u);
}

TEST(Red, WhatEndsEarlyIsRefused) {
  const ByteVector whole = red({{1920, frame_20ms}, {960, frame_20ms}}, {});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(RedPayload::parse(Bytes(whole).first(size)).has_value()) << size;
  }
  EXPECT_TRUE(RedPayload::parse(whole).has_value());
}

TEST(Red, MoreBlocksThanAnyoneSendsAreRefused) {
  EXPECT_TRUE(RedPayload::parse(red(std::vector<Older>(8, {960, {}}))).has_value());
  EXPECT_FALSE(RedPayload::parse(red(std::vector<Older>(9, {960, {}}))).has_value());
}

TEST(Red, BlocksThatFollowEachOtherAreCountedFromTheNewest) {
  const auto count = [](const std::vector<Older>& older) {
    const ByteVector payload = red(older);
    return count_contiguous_opus(RedPayload::parse(payload).value());
  };
  EXPECT_EQ(count({}), 0u);
  EXPECT_EQ(count({{960, frame_20ms}}), 1u);
  EXPECT_EQ(count({{1920, frame_20ms}, {960, frame_20ms}}), 2u);
  EXPECT_EQ(count({{1920, frame_20ms}}), 0u);                     // a packet between is not there
  EXPECT_EQ(count({{2880, frame_20ms}, {960, frame_20ms}}), 1u);  // a gap before the newest
  EXPECT_EQ(count({{1920, frame_20ms}, {960, {}}}), 0u);          // an empty block
  EXPECT_EQ(count({{960, frame_20ms}, {1920, frame_20ms}}), 0u);  // in no order
}

class RedNoise : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RedNoise, StaysWithinItsBytes) {
  SeededRandom random(GetParam());
  for (int i = 0; i < 20'000; ++i) {
    ByteVector noise(random.below(64));
    random.fill(noise);
    if (noise.size() > 4 && random.below(2) == 0) noise[4] &= 0x7f;  // else most have no end
    const auto parsed = RedPayload::parse(noise);
    if (!parsed) continue;
    std::size_t size = parsed->older().size() * 4 + 1 + parsed->primary().size();
    for (const auto& block : parsed->older()) size += block.payload.size();
    ASSERT_EQ(size, noise.size());
    ASSERT_LE(count_contiguous_opus(*parsed), parsed->older().size());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RedNoise, testing::Range(std::uint64_t{1}, std::uint64_t{6}));

}  // namespace
}  // namespace holdfast::codec

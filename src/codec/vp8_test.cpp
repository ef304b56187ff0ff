#include "codec/vp8.hpp"

#include <gtest/gtest.h>

#include "codec/codec_test_support.hpp"

namespace holdfast::codec {
namespace {

using media::Damage;
using media::Picture;

const ByteVector start = {0x10};
const ByteVector more = {0x00};
const ByteVector key = {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a,
                        0x80, 0x02, 0xe0, 0x41, 7,    7};  // 640x480, with scaling bits
const ByteVector delta = {0x11, 0x02, 0x00, 5, 5};

class Vp8Test : public testing::Test {
 protected:
  void part(const ByteVector& descriptor, const ByteVector& bytes) {
    depacketizer_.push({time_, false, join({descriptor, bytes})}, sink_);
  }
  void last(const ByteVector& descriptor, const ByteVector& bytes) {
    depacketizer_.push({time_, true, join({descriptor, bytes})}, sink_);
    time_ += 3000;
  }
  void lose() { depacketizer_.handle_loss(sink_); }

  Vp8Depacketizer depacketizer_;
  TestSink sink_;
  std::int64_t time_ = 0;
};

TEST_F(Vp8Test, PartsAreJoinedUpToTheMarker) {
  part(start, key);
  last(more, {8, 9});
  ASSERT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(sink_.frames[0].payload, join({key, ByteVector{8, 9}}));
  EXPECT_EQ(sink_.frames[0].frame.packets, 2u);
  EXPECT_EQ(sink_.frames[0].frame.picture, Picture::key);
  EXPECT_EQ(sink_.frames[0].frame.width, 640);
  EXPECT_EQ(depacketizer_.format().height, 480);
}

TEST_F(Vp8Test, EveryFormOfDescriptorIsStepped) {
  last({0x90, 0x80, 0x05}, key);                      // PictureID of seven bits
  last({0x90, 0x80, 0x85, 0x06}, delta);              // of fifteen
  last({0x90, 0xe0, 0x85, 0x07, 0x01, 0x20}, delta);  // and TL0PICIDX, TID
  last({0x90, 0x10, 0x03}, delta);                    // KEYIDX alone
  last({0xb0, 0xf0, 0x85, 0x08, 0x02, 0x63}, delta);  // all, not a reference
  ASSERT_EQ(sink_.frames.size(), 5u);
  EXPECT_EQ(sink_.frames[4].payload, delta);
}

TEST_F(Vp8Test, NothingComesBeforeTheFirstKeyFrame) {
  last(start, delta);
  EXPECT_EQ(sink_.discards[Discard::no_key_frame], 1u);
  last(start, key);
  last(start, delta);
  EXPECT_EQ(sink_.frames.size(), 2u);
}

TEST_F(Vp8Test, ALossBetweenFramesCostsNoneButMarksThem) {
  last(start, key);
  lose();
  last(start, delta);
  ASSERT_EQ(sink_.frames.size(), 2u);
  EXPECT_EQ(sink_.frames[1].frame.damage, Damage::reference_lost);
  last(start, key);
  EXPECT_EQ(sink_.frames[2].frame.damage, Damage::none);
}

TEST_F(Vp8Test, AFrameWithAHoleIsNeverOutput) {
  last(start, key);
  part(start, delta);
  lose();
  last(more, {1});
  lose();
  last(more, {2});
  part(start, delta);
  lose();
  time_ += 3000;
  last(start, delta);
  EXPECT_EQ(sink_.frames.size(), 2u);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 4u);
}

TEST_F(Vp8Test, TwoFramesOfOneInstantAreTwo) {
  last(start, key);
  part(start, delta);
  last(start, delta);
  EXPECT_EQ(sink_.frames.size(), 3u);
}

TEST_F(Vp8Test, BrokenFramesAreMalformed) {
  last(start, {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2b, 0x80, 0x02, 0xe0, 0x01});  // start code
  last(start, {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x00, 0xe0, 0x01});  // no width
  last(start, {0x11});
  last({0x90, 0x80, 0x85}, {});  // a descriptor that breaks off
  last(start, {});
  EXPECT_EQ(sink_.discards[Discard::malformed], 5u);
}

TEST_F(Vp8Test, TheServersBlankTailIsKnownByItsSize) {
  last(start, key);
  EXPECT_FALSE(is_blank_tail(sink_.frames.back().frame));
  last(start, {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, 1});
  EXPECT_TRUE(is_blank_tail(sink_.frames.back().frame));
}

std::vector<ByteVector> golden_frames() {
  const ByteVector file = read_golden("codec_vp8.ivf");
  ByteReader reader(file);
  reader.skip(32);
  std::vector<ByteVector> frames;
  while (reader.remaining() > 0) {
    const Bytes size = reader.read_bytes(4);  // little-endian
    reader.skip(8);
    const Bytes frame = reader.read_bytes(size[0] | static_cast<std::size_t>(size[1]) << 8);
    frames.emplace_back(frame.begin(), frame.end());
  }
  return frames;
}

TEST(Vp8GoldenTest, AnotherSendersPacketsGiveTheStreamBackByteForByte) {
  const std::vector<ByteVector> frames = golden_frames();
  Vp8Depacketizer depacketizer;
  TestSink sink;
  push_all(depacketizer, read_golden_rtp("codec_vp8.rtp"), sink);
  ASSERT_EQ(frames.size(), 50u);
  ASSERT_EQ(sink.frames.size(), frames.size());
  for (std::size_t i = 0; i < frames.size(); ++i) EXPECT_EQ(sink.frames[i].payload, frames[i]);
  EXPECT_EQ(depacketizer.format().width, 160);
}

TEST(Vp8GoldenTest, LossesTakeWholeFramesAndNothingElse) {
  const std::vector<ByteVector> originals = golden_frames();
  std::size_t frames = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    Vp8Packetizer packetizer(100 + random.below(1000));
    TestSender sender(packetizer);
    for (const ByteVector& frame : originals) sender.send(frame);
    Vp8Depacketizer depacketizer;
    push_with_losses(depacketizer, sender.packets, originals, random, frames);
  }
  EXPECT_GT(frames, 1000u);
}

TEST(Vp8GoldenTest, HostilePacketsAreAllAccountedFor) {
  const std::vector<TestPacket> packets = read_golden_rtp("codec_vp8.rtp");
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    Vp8Depacketizer depacketizer;
    TestSink sink;
    ASSERT_EQ(push_hostile(depacketizer, packets, random, sink), sink.settled);
  }
}

}  // namespace
}  // namespace holdfast::codec

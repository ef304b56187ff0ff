#include "codec/opus.hpp"

#include <gtest/gtest.h>

#include "codec/codec_test_support.hpp"

namespace holdfast::codec {
namespace {

TEST(OpusTocTest, TellsHowLongThePacketLasts) {
  EXPECT_EQ(OpusToc::parse(ByteVector{0xf8, 1})->samples, 960);         // CELT full band, 20 ms
  EXPECT_EQ(OpusToc::parse(ByteVector{0x80, 1})->samples, 120);         // CELT, 2.5 ms
  EXPECT_EQ(OpusToc::parse(ByteVector{0x18, 1})->samples, 2880);        // SILK, 60 ms
  EXPECT_EQ(OpusToc::parse(ByteVector{0x68, 1})->samples, 960);         // hybrid, 20 ms
  EXPECT_EQ(OpusToc::parse(ByteVector{0xf9, 1, 1})->samples, 1920);     // two frames of equal size
  EXPECT_EQ(OpusToc::parse(ByteVector{0xfa, 1, 1})->samples, 1920);     // two frames
  EXPECT_EQ(OpusToc::parse(ByteVector{0xfb, 0x06, 1})->samples, 5760);  // six frames
}

TEST(OpusTocTest, TellsTheChannels) {
  EXPECT_EQ(OpusToc::parse(ByteVector{0xf8})->channels, 1);
  EXPECT_EQ(OpusToc::parse(ByteVector{0xfc})->channels, 2);
}

TEST(OpusTocTest, RefusesWhatCannotBe) {
  EXPECT_FALSE(OpusToc::parse({}));
  EXPECT_FALSE(OpusToc::parse(ByteVector{0xfb}));           // no count
  EXPECT_FALSE(OpusToc::parse(ByteVector{0xfb, 0x00}));     // no frames
  EXPECT_FALSE(OpusToc::parse(ByteVector{0xfb, 0x07, 1}));  // 140 ms
}

TEST(OpusTocTest, OurSilenceLastsTwentyMilliseconds) {
  EXPECT_EQ(OpusToc::parse(opus_silence)->samples, opus_silence_samples);
  EXPECT_FALSE(is_opus_dtx(opus_silence));
  EXPECT_TRUE(is_opus_dtx(ByteVector{0xf8}));
}

TEST(OpusDepacketizerTest, EveryPacketIsAFrame) {
  OpusDepacketizer depacketizer;
  TestSink sink;
  depacketizer.push({960, false, ByteVector{0xfc, 1, 2}}, sink);
  depacketizer.handle_loss(sink);
  depacketizer.push({2880, true, ByteVector{0xf8, 3}}, sink);
  ASSERT_EQ(sink.frames.size(), 2u);
  EXPECT_EQ(sink.frames[0].payload, (ByteVector{0xfc, 1, 2}));
  EXPECT_EQ(sink.frames[0].frame.samples, 960);
  EXPECT_EQ(sink.frames[0].frame.channels, 2);
  EXPECT_EQ(sink.frames[1].frame.time, 2880);
  EXPECT_EQ(sink.frames[1].frame.damage, media::Damage::none);
  EXPECT_EQ(depacketizer.format().channels, 2);
  EXPECT_EQ(depacketizer.format().sample_rate, 48'000);
}

TEST(OpusDepacketizerTest, BrokenAndEmptyPacketsAreCounted) {
  OpusDepacketizer depacketizer;
  TestSink sink;
  depacketizer.push({0, false, {}}, sink);
  depacketizer.push({0, false, ByteVector{0xfb}}, sink);
  EXPECT_EQ(sink.discards[Discard::empty], 1u);
  EXPECT_EQ(sink.discards[Discard::malformed], 1u);
}

TEST(OpusPacketizerTest, AFrameIsOnePayload) {
  const auto packetizer = make_packetizer(media::Codec::opus);
  TestSender sender(*packetizer);
  sender.send(opus_silence);
  ASSERT_EQ(sender.packets.size(), 1u);
  EXPECT_EQ(sender.packets[0].payload, ByteVector(opus_silence.begin(), opus_silence.end()));
}

}  // namespace
}  // namespace holdfast::codec

#include "codec/h264.hpp"

#include <gtest/gtest.h>

#include "codec/codec_test_support.hpp"
#include "codec/h264_test_bits.hpp"

namespace holdfast::codec {
namespace {

using media::Damage;
using media::Picture;

// Slices of macroblock 0 with pps_id 0: I and P, and one from the middle of a picture.
const ByteVector idr = {0x65, 0x88, 0x80, 0x11, 0x22};
const ByteVector intra = {0x61, 0x88, 0x80, 0x11, 0x22};
const ByteVector delta = {0x41, 0x9a, 0x33, 0x44};
const ByteVector second_slice = {0x41, 0x31, 0xa0, 0x55};
const ByteVector pps = {0x68, 0xce, 0x3c, 0x80};
const ByteVector delimiter = {0x09, 0xf0};
const ByteVector recovery_point = {0x06, 0x06, 0x01, 0x80, 0x80};
const ByteVector sps = make_test_sps({.columns = 40, .rows = 30});

ByteVector annex_b(std::initializer_list<Bytes> nals) {
  ByteVector bytes;
  for (const Bytes nal : nals) append_annex_b(nal, bytes);
  return bytes;
}

ByteVector stap(std::initializer_list<Bytes> nals) {
  ByteVector payload = {0x78};
  ByteWriter writer(payload);
  for (const Bytes nal : nals) {
    writer.write_u16(static_cast<std::uint16_t>(nal.size()));
    writer.write_bytes(nal);
  }
  return payload;
}

class H264Test : public testing::Test {
 protected:
  void part(const ByteVector& payload) { depacketizer_.push({time_, false, payload}, sink_); }
  void last(const ByteVector& payload) {
    depacketizer_.push({time_, true, payload}, sink_);
    next_frame();
  }
  void next_frame() { time_ += 3000; }
  void lose() { depacketizer_.handle_loss(sink_); }
  void key_frame() {
    part(stap({sps, pps}));
    last(idr);
  }
  const TestSink::KeptFrame& newest() const { return sink_.frames.back(); }

  H264Depacketizer depacketizer_;
  TestSink sink_;
  std::int64_t time_ = 1000;
};

TEST_F(H264Test, AFrameIsCompleteAtItsMarker) {
  part(stap({sps, pps}));
  EXPECT_TRUE(sink_.frames.empty());
  last(idr);
  ASSERT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(newest().payload, annex_b({sps, pps, idr}));
  EXPECT_EQ(newest().frame.picture, Picture::key);
  EXPECT_EQ(newest().frame.packets, 2u);
  EXPECT_EQ(newest().frame.time, 1000);
}

TEST_F(H264Test, AFrameWithoutMarkerIsCompleteWhenTheNextTimestampBegins) {
  key_frame();
  part(delta);
  next_frame();
  EXPECT_EQ(sink_.frames.size(), 1u);
  part(delta);
  ASSERT_EQ(sink_.frames.size(), 2u);
  EXPECT_EQ(newest().payload, annex_b({delta}));
}

TEST_F(H264Test, FragmentsAreJoined) {
  key_frame();
  part({0x5c, 0x81, 0x9a});
  part({0x5c, 0x01, 0x33});
  last({0x5c, 0x41, 0x44});
  EXPECT_EQ(newest().payload, annex_b({delta}));
  EXPECT_EQ(newest().frame.packets, 3u);
}

TEST_F(H264Test, InterleavedPacketTypesInDecodingOrderAreTaken) {
  key_frame();
  last({0x59, 0, 7, 0, 4, 0x41, 0x9a, 0x33, 0x44});  // STAP-B
  EXPECT_EQ(newest().payload, annex_b({delta}));
  last({0x5a, 0, 8, 0, 4, 0, 0, 0, 0x41, 0x9a, 0x33, 0x44});  // MTAP16
  EXPECT_EQ(newest().payload, annex_b({delta}));
  last({0x5b, 0, 9, 0, 4, 0, 0, 0, 0, 0x41, 0x9a, 0x33, 0x44});  // MTAP24
  EXPECT_EQ(newest().payload, annex_b({delta}));
  part({0x5d, 0x81, 0, 10, 0x9a, 0x33});  // FU-B
  last({0x5c, 0x41, 0x44});
  EXPECT_EQ(newest().payload, annex_b({delta}));
  EXPECT_EQ(sink_.frames.size(), 5u);
}

TEST_F(H264Test, UnitsOfSeveralTimestampsInOnePacketAreMalformed) {
  key_frame();
  last({0x5a, 0, 8, 0, 4, 0, 0, 1, 0x41, 0x9a, 0x33, 0x44});
  EXPECT_EQ(sink_.discards[Discard::malformed], 1u);
}

TEST_F(H264Test, NothingComesBeforeTheFirstKeyFrame) {
  part(stap({sps, pps}));
  last(delta);
  last(delta);
  EXPECT_TRUE(sink_.frames.empty());
  EXPECT_EQ(sink_.discards[Discard::no_key_frame], 3u);
  key_frame();
  EXPECT_EQ(sink_.frames.size(), 1u);
}

TEST_F(H264Test, AStreamJoinedInMidFrameBeginsWithTheNext) {
  last({0x5c, 0x41, 0x44});
  EXPECT_EQ(sink_.discards[Discard::incomplete], 1u);
  key_frame();
  EXPECT_EQ(newest().frame.damage, Damage::none);
}

TEST_F(H264Test, AKeyFrameWithoutParameterSetsGetsTheLatest) {
  key_frame();
  const ByteVector larger = make_test_sps({.columns = 80, .rows = 45});
  last(stap({larger, pps}));
  EXPECT_EQ(sink_.discards[Discard::empty], 1u);  // no picture in it
  part(delimiter);
  last(idr);
  EXPECT_EQ(newest().payload, annex_b({delimiter, larger, pps, idr}));
  EXPECT_EQ(newest().frame.width, 1280);
}

TEST_F(H264Test, ParameterSetsBetweenTheSlicesOfAPictureAreLeftOut) {
  part(stap({sps, pps}));
  part(idr);
  part(stap({sps, pps}));
  last(second_slice);
  ASSERT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(newest().payload, annex_b({sps, pps, idr, second_slice}));
  EXPECT_EQ(newest().frame.packets, 4u);
}

TEST_F(H264Test, AKeyFrameWhoseParameterSetsNeverCameIsNone) {
  last(delta);
  last(idr);
  EXPECT_EQ(sink_.discards[Discard::no_key_frame], 2u);
}

TEST_F(H264Test, ARecoveryPointWithParameterSetsAndIntraSliceIsAKeyFrame) {
  last(stap({sps, pps, recovery_point, intra}));
  EXPECT_EQ(newest().frame.picture, Picture::key);
  last(stap({recovery_point, delta}));
  EXPECT_EQ(newest().frame.picture, Picture::delta);
  last(stap({sps, pps, intra}));
  EXPECT_EQ(newest().frame.picture, Picture::delta);
}

TEST_F(H264Test, TheFormatIsWhatTheKeyFrameRefersTo) {
  const ByteVector other_pps = {0x68, 0x5f, 0x80};  // pps_id 1, sps_id 0
  const ByteVector unused = make_test_sps({.id = 3, .columns = 1, .rows = 1});
  part(stap({unused, sps, pps, other_pps}));
  last(idr);
  EXPECT_EQ(depacketizer_.format().config, annex_b({sps, pps, other_pps}));
  EXPECT_EQ(depacketizer_.format().width, 640);
  EXPECT_EQ(depacketizer_.format().height, 480);
}

TEST_F(H264Test, AFrameWithAHoleIsNeverOutput) {
  key_frame();
  part({0x5c, 0x81, 0x9a});
  lose();
  last({0x5c, 0x41, 0x44});
  EXPECT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 2u);
}

TEST_F(H264Test, AFrameWhoseEndWasLostIsNeverOutput) {
  key_frame();
  part(delta);
  lose();
  next_frame();
  last(delta);
  EXPECT_EQ(sink_.frames.size(), 2u);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 1u);
}

TEST_F(H264Test, AFrameWhoseFirstSlicesWereLostIsNeverOutput) {
  key_frame();
  lose();
  last(second_slice);
  lose();
  last({0x5c, 0x41, 0x44});
  EXPECT_EQ(sink_.discards[Discard::incomplete], 2u);
}

TEST_F(H264Test, AFrameWhoseDelimiterWasLostIsNeverOutput) {
  key_frame();
  last(stap({delimiter, delta}));
  lose();
  last(delta);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 1u);
  lose();
  last(stap({delimiter, delta}));
  EXPECT_EQ(sink_.frames.size(), 3u);
}

TEST_F(H264Test, AKeyFrameAfterALossNeedsParameterSetsOfItsOwn) {
  key_frame();
  lose();
  last(idr);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 1u);
  last(idr);
  EXPECT_EQ(sink_.frames.size(), 2u);
}

TEST_F(H264Test, FramesAfterALossAreMarkedUntilTheNextKeyFrame) {
  key_frame();
  last(delta);
  EXPECT_EQ(newest().frame.damage, Damage::none);
  lose();
  last(delta);
  EXPECT_EQ(newest().frame.damage, Damage::reference_lost);
  last(delta);
  EXPECT_EQ(newest().frame.damage, Damage::reference_lost);
  key_frame();
  EXPECT_EQ(newest().frame.damage, Damage::none);
  last(delta);
  EXPECT_EQ(newest().frame.damage, Damage::none);
}

TEST_F(H264Test, TheEndOfTheStreamDiscardsWhatIsNotWhole) {
  key_frame();
  part(delta);
  depacketizer_.flush(sink_);
  EXPECT_EQ(sink_.frames.size(), 1u);
  EXPECT_EQ(sink_.discards[Discard::incomplete], 1u);
}

TEST_F(H264Test, BrokenPayloadsAreMalformed) {
  key_frame();
  last({0x78, 0, 9, 0x41});        // a unit longer than its packet
  last({0x78});                    // an aggregate of nothing
  last({0x5c, 0x81});              // a fragment of nothing
  last({0x5c, 0x01, 0x33});        // a fragment whose start never came
  last({0x5c, 0x9c, 0x33});        // a fragment of fragments
  last({0xc1, 0x9a, 0x33});        // the forbidden bit
  last({0x78, 0, 2, 0x78, 0x00});  // an aggregate in an aggregate
  last({0x67, 0x42});              // half a parameter set
  EXPECT_EQ(sink_.discards[Discard::malformed], 8u);
  EXPECT_EQ(sink_.frames.size(), 1u);
}

TEST_F(H264Test, AFragmentedUnitInterruptedByAnotherIsMalformed) {
  key_frame();
  part({0x5c, 0x81, 0x9a});
  part(delta);
  last({0x5c, 0x41, 0x44});
  part({0x5c, 0x81, 0x9a});
  next_frame();
  last(delta);
  EXPECT_EQ(sink_.discards[Discard::malformed], 4u);
}

TEST_F(H264Test, AFrameBeyondTheLimitIsMalformed) {
  key_frame();
  const ByteVector large = join({Bytes(delta), ByteVector(60'000, 7)});
  for (int i = 0; i < 150; ++i) part(large);
  last(large);
  EXPECT_EQ(sink_.discards[Discard::malformed], 151u);
  last(delta);
  EXPECT_EQ(newest().payload, annex_b({delta}));
}

TEST_F(H264Test, UndefinedPacketTypesArePassedOver) {
  key_frame();
  part({0x7f, 1, 2, 3});
  last(delta);
  EXPECT_EQ(newest().payload, annex_b({delta}));
  EXPECT_EQ(newest().frame.packets, 2u);
}

TEST_F(H264Test, TheServersBlankTailIsKnownByItsSize) {
  key_frame();
  EXPECT_FALSE(is_blank_tail(newest().frame));
  last(stap({make_test_sps({.columns = 1, .rows = 1, .crop_right = 7, .crop_bottom = 7}), pps, idr}));
  EXPECT_EQ(newest().frame.width, 2);
  EXPECT_TRUE(is_blank_tail(newest().frame));
}

// A real stream, B-frames and two slices a picture.
std::vector<ByteVector> golden_access_units() {
  const ByteVector file = read_golden("codec_h264.264");
  std::vector<ByteVector> units;
  for (NalReader nals(file); const auto nal = nals.next();) {
    if (nal_type(*nal) == NalType::aud) units.emplace_back();
    append_annex_b(*nal, units.back());
  }
  return units;
}

TEST(H264GoldenTest, AnotherSendersPacketsGiveTheStreamBackByteForByte) {
  const std::vector<ByteVector> units = golden_access_units();
  H264Depacketizer depacketizer;
  TestSink sink;
  push_all(depacketizer, read_golden_rtp("codec_h264.rtp"), sink);
  ASSERT_EQ(units.size(), 50u);
  ASSERT_EQ(sink.frames.size(), units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    EXPECT_EQ(sink.frames[i].payload, units[i]);
    EXPECT_EQ(sink.frames[i].frame.picture == Picture::key, has_idr(units[i]));
  }
  EXPECT_EQ(depacketizer.format().width, 160);
  EXPECT_EQ(depacketizer.format().height, 120);
  EXPECT_EQ(max_reorder_frames(depacketizer.format().config), 2);
}

TEST(H264GoldenTest, OurPacketsGiveTheStreamBackAtEveryPayloadSize) {
  const std::vector<ByteVector> units = golden_access_units();
  for (const std::size_t size : {64u, 65u, 100u, 333u, 1180u, 65'000u}) {
    H264Packetizer packetizer(size);
    TestSender sender(packetizer);
    for (const ByteVector& unit : units) sender.send(unit);
    H264Depacketizer depacketizer;
    TestSink sink;
    push_all(depacketizer, sender.packets, sink);
    ASSERT_EQ(sink.frames.size(), units.size());
    for (std::size_t i = 0; i < units.size(); ++i) EXPECT_EQ(sink.frames[i].payload, units[i]);
    for (const TestPacket& packet : sender.packets) EXPECT_LE(packet.payload.size(), size);
  }
}

TEST(H264GoldenTest, LossesTakeWholeFramesAndNothingElse) {
  const std::vector<ByteVector> units = golden_access_units();
  std::size_t frames = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    H264Packetizer packetizer(100 + random.below(1000));
    TestSender sender(packetizer);
    for (const ByteVector& unit : units) sender.send(unit);
    H264Depacketizer depacketizer;
    push_with_losses(depacketizer, sender.packets, units, random, frames);
  }
  EXPECT_GT(frames, 1000u);
}

TEST(H264GoldenTest, HostilePacketsAreAllAccountedFor) {
  const std::vector<TestPacket> packets = read_golden_rtp("codec_h264.rtp");
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    H264Depacketizer depacketizer;
    TestSink sink;
    ASSERT_EQ(push_hostile(depacketizer, packets, random, sink), sink.settled);
  }
}

}  // namespace
}  // namespace holdfast::codec

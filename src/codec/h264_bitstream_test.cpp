#include "codec/h264_bitstream.hpp"

#include <gtest/gtest.h>

#include "codec/bit_reader.hpp"
#include "codec/codec_test_support.hpp"
#include "codec/h264_test_bits.hpp"

namespace holdfast::codec {
namespace {

const ByteVector pps = {0x68, 0xce, 0x3c, 0x80};

TEST(NalReaderTest, FindsUnitsBehindStartCodesOfBothLengths) {
  const ByteVector stream = {0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 3, 4, 0, 0};
  std::vector<ByteVector> units;
  for (NalReader nals(stream); const auto nal = nals.next();) units.emplace_back(nal->begin(), nal->end());
  EXPECT_EQ(units, (std::vector<ByteVector>{{0x67, 1}, {0x68, 2}, {0x65, 3, 4}}));
}

TEST(NalReaderTest, FindsNothingWithoutStartCodeOrContent) {
  for (const ByteVector& stream :
       {ByteVector{}, ByteVector{1, 2, 3}, ByteVector{0, 0, 1}, ByteVector{0, 0, 0, 1, 0, 0}}) {
    EXPECT_FALSE(NalReader(stream).next());
  }
}

TEST(NalReaderTest, LengthPrefixedFormHasTheSameUnits) {
  const ByteVector stream = {0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x65, 3, 4};
  ByteVector out;
  append_length_prefixed(stream, out);
  EXPECT_EQ(out, (ByteVector{0, 0, 0, 2, 0x67, 1, 0, 0, 0, 3, 0x65, 3, 4}));
}

TEST(BitReaderTest, ReadsExpGolombCodes) {
  const ByteVector bytes = {0b10100110, 0b01000010, 0b10000000};
  BitReader bits(bytes);
  EXPECT_EQ(bits.read_unsigned(), 0u);
  EXPECT_EQ(bits.read_unsigned(), 1u);
  EXPECT_EQ(bits.read_unsigned(), 2u);
  EXPECT_EQ(bits.read_signed(), 2);
  EXPECT_EQ(bits.read_unsigned(), 4u);
  EXPECT_TRUE(bits.ok());
}

TEST(BitReaderTest, StepsOverEmulationPrevention) {
  const ByteVector bytes = {0, 0, 3, 1, 0, 0, 3, 0, 0, 3};
  BitReader bits(bytes);
  EXPECT_EQ(bits.read_bits(24), 1u);
  EXPECT_EQ(bits.read_bits(32), 0u);
  EXPECT_TRUE(bits.ok());
  EXPECT_EQ(bits.read_bits(1), 0u);  // what is left prevents an emulation and is no data
  EXPECT_FALSE(bits.ok());
}

TEST(BitReaderTest, AReadPastTheEndGivesZeroForGood) {
  const ByteVector bytes = {0xff};
  BitReader bits(bytes);
  bits.read_bits(7);
  EXPECT_TRUE(bits.ok());
  bits.read_bits(2);
  EXPECT_FALSE(bits.ok());
  EXPECT_EQ(bits.read_unsigned(), 0u);
}

TEST(SpsTest, SizeIsCropped) {
  const auto sps = Sps::parse(make_test_sps({.columns = 120, .rows = 68, .crop_bottom = 4}));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->width, 1920);
  EXPECT_EQ(sps->height, 1080);
}

TEST(SpsTest, FieldsCountDouble) {
  const auto sps =
      Sps::parse(make_test_sps({.columns = 120, .rows = 34, .frames_only = false, .crop_bottom = 2}));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->height, 1080);
}

TEST(SpsTest, ScalingListsAreStepped) {
  const auto sps =
      Sps::parse(make_test_sps({.profile = 100, .id = 5, .scaling_lists = true, .reorder_frames = 3}));
  ASSERT_TRUE(sps);
  EXPECT_EQ(sps->width, 640);
  EXPECT_EQ(sps->id, 5);
  EXPECT_EQ(sps->max_reorder_frames, 3);
}

TEST(SpsTest, ReorderingIsKnownWhereItIsSaidOrRuledOut) {
  EXPECT_EQ(Sps::parse(make_test_sps({.profile = 66}))->max_reorder_frames, 0);
  EXPECT_EQ(Sps::parse(make_test_sps({.profile = 77, .picture_order_type = 2}))->max_reorder_frames, 0);
  EXPECT_EQ(Sps::parse(make_test_sps({.profile = 77}))->max_reorder_frames, std::nullopt);
  EXPECT_EQ(Sps::parse(make_test_sps({.profile = 77, .reorder_frames = 2}))->max_reorder_frames, 2);
}

TEST(SpsTest, WhatCannotBeIsRefused) {
  EXPECT_FALSE(Sps::parse({}));
  EXPECT_FALSE(Sps::parse(pps));
  EXPECT_FALSE(Sps::parse(make_test_sps({.columns = 5000})));
  EXPECT_FALSE(Sps::parse(make_test_sps({.id = 32})));
  EXPECT_FALSE(Sps::parse(make_test_sps({.columns = 1, .crop_right = 8})));
  EXPECT_FALSE(Sps::parse(make_test_sps({.columns = 1, .crop_right = 0xfffffff0})));
}

TEST(SpsTest, EveryTruncationIsRefused) {
  const ByteVector sps = make_test_sps({.profile = 100, .scaling_lists = true});
  for (std::size_t size = 0; size + 1 < sps.size(); ++size) {
    EXPECT_FALSE(Sps::parse(ByteVector(sps.begin(), sps.begin() + static_cast<std::ptrdiff_t>(size))));
  }
}

TEST(SpsTest, HostileBytesGiveSaneSizesOrNothing) {
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    ByteVector sps = make_test_sps(
        {.profile = seed % 2 ? 100u : 77u, .scaling_lists = seed % 4 == 1, .reorder_frames = 2});
    for (int flips = 0; flips < 4; ++flips)
      sps[1 + random.below(sps.size() - 1)] = static_cast<std::uint8_t>(random.next_u32());
    const auto parsed = Sps::parse(sps);
    if (!parsed) continue;
    ASSERT_GT(parsed->width, 0);
    ASSERT_LE(parsed->width, 16'384);
    ASSERT_GT(parsed->height, 0);
    ASSERT_LE(parsed->height, 16'384);
    ASSERT_LE(parsed->max_reorder_frames.value_or(0), 16);
  }
}

TEST(SliceHeaderTest, TellsThePositionAndKind) {
  const auto first = SliceHeader::parse(ByteVector{0x65, 0x88, 0x80});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first_macroblock, 0u);
  EXPECT_TRUE(first->is_intra);
  const auto second = SliceHeader::parse(ByteVector{0x41, 0x31, 0xa0});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->first_macroblock, 5u);
  EXPECT_FALSE(second->is_intra);
}

TEST(AvcRecordTest, HasTheParameterSetsAndTheirProfile) {
  const ByteVector sps = make_test_sps({.profile = 66});
  ByteVector config;
  append_annex_b(sps, config);
  append_annex_b(pps, config);
  const auto record = make_avc_record(config);
  ASSERT_TRUE(record);
  const ByteVector head = {1, 66, 0, 31, 0xff, 0xe1, 0, static_cast<std::uint8_t>(sps.size())};
  EXPECT_EQ(*record, join({head, sps, ByteVector{1, 0, 4}, pps}));
}

TEST(AvcRecordTest, HighProfilesSayTheirChroma) {
  ByteVector config;
  append_annex_b(make_test_sps({.profile = 100}), config);
  append_annex_b(pps, config);
  const auto record = make_avc_record(config);
  ASSERT_TRUE(record);
  EXPECT_EQ(ByteVector(record->end() - 4, record->end()), (ByteVector{0xfd, 0xf8, 0xf8, 0}));
}

TEST(AvcRecordTest, NeedsBothKindsOfParameterSet) {
  ByteVector config;
  append_annex_b(make_test_sps({}), config);
  EXPECT_FALSE(make_avc_record(config));
  EXPECT_FALSE(make_avc_record({}));
}

}  // namespace
}  // namespace holdfast::codec

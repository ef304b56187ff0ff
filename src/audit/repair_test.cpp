#include "audit/repair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/annexb_reader.hpp"
#include "audit/recording_maker_test.hpp"
#include "audit/report_json.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::audit {
namespace {

using namespace test;
using testing::Contains;
using testing::HasSubstr;

constexpr std::size_t packet = 188;
const WallTime now = WallTime(std::chrono::seconds(1'795'300'000));

Result<RepairReport> repair_file(Disk& disk, const std::string& input, const std::string& output = {}) {
  return repair(disk, {.input = input, .output = output, .now = now});
}
Report verify_path(Disk& disk, const std::string& path) {
  const auto targets = find_targets(disk, path);
  EXPECT_TRUE(targets);
  return verify(disk, targets->at(0));
}
std::uint64_t frames_in(const Structure& structure) {
  std::uint64_t frames = 0;
  for (const TrackStructure& track : structure.tracks) frames += track.frames;
  return frames;
}

Plan ts_plan(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Plan plan = Plan::random(random);
  plan.format = Format::mpegts;
  plan.video = Codec::h264;
  plan.life = Life::ended;
  plan.parts = 1;
  return plan;
}

// Damages the file by the seed, and has it repaired: what comes out is whole, and the input as it was.
void expect_repaired(std::uint64_t seed, const Plan& plan,
                     const std::function<void(MadeRecording&, ByteVector&)>& damage, double least_kept) {
  SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
  MadeRecording made(plan, seed);
  const std::string path = made.parts()[0];
  const std::uint64_t before = frames_in(verify_path(made.disk(), path).parts[0].structure);
  made.change(path, [&](ByteVector& bytes) { damage(made, bytes); });
  const ByteVector input = made.disk().content(path);
  const auto repaired = repair_file(made.disk(), path);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(made.disk().content(path), input);
  const Report report = verify_path(made.disk(), repaired->output);
  ASSERT_EQ(report.verdict, Verdict::whole) << to_json(report);
  // By all that our own muxers promise, too.
  Findings strict;
  const auto reader = make_structure_reader(plan.format, strict, repaired->output, Rules::ours, plan.start);
  reader->feed(made.disk().content(repaired->output));
  reader->finish(Ending::whole);
  for (const Finding& finding : strict.listed()) {
    // A bit of the parameter sets themselves may be wrong.
    if (finding.what == What::random_access) continue;
    ADD_FAILURE() << *finding.from << ": " << finding.detail;
  }
  EXPECT_GE(static_cast<double>(frames_in(repaired->structure)), least_kept * static_cast<double>(before));
}

TEST(Repair, LostPacketsCostTheirFramesOnly) {
  for (const std::uint64_t seed : test_seeds(40)) {
    expect_repaired(
        seed, ts_plan(seed),
        [](MadeRecording& made, ByteVector& bytes) {
          for (int i = 0; i < 3; ++i) {
            const auto at = bytes.begin() +
                            static_cast<std::ptrdiff_t>(made.random_below(bytes.size() / packet) * packet);
            bytes.erase(at, at + packet);
          }
        },
        0.8);
  }
}

TEST(Repair, FlippedBitsCostTheirFramesOnly) {
  for (const std::uint64_t seed : test_seeds(40)) {
    expect_repaired(
        seed, ts_plan(seed),
        [](MadeRecording& made, ByteVector& bytes) {
          for (int i = 0; i < 5; ++i) {
            bytes[made.random_below(bytes.size())] ^= static_cast<std::uint8_t>(1U << made.random_below(8));
          }
        },
        0.8);
  }
}

TEST(Repair, NoiseInTheMiddleIsStepppedOver) {
  for (const std::uint64_t seed : test_seeds(40)) {
    expect_repaired(
        seed, ts_plan(seed),
        [](MadeRecording& made, ByteVector& bytes) {
          const std::size_t at = made.random_below(bytes.size() - 2000);
          for (std::size_t i = 0; i < 1000; ++i) bytes[at + i] = static_cast<std::uint8_t>(made.random()());
        },
        0.6);
  }
}

TEST(Repair, BytesThatAreMissingPutTheRestOutOfStepForAMomentOnly) {
  for (const std::uint64_t seed : test_seeds(40)) {
    expect_repaired(
        seed, ts_plan(seed),
        [](MadeRecording& made, ByteVector& bytes) {
          const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(made.random_below(bytes.size() - 600));
          bytes.erase(at, at + 1 + static_cast<std::ptrdiff_t>(made.random_below(500)));
        },
        0.7);
  }
}

TEST(Repair, ATailThatIsCutOffIsLeftOutInEveryFormat) {
  for (const std::uint64_t seed : test_seeds(60)) {
    std::mt19937_64 random(seed);
    Plan plan = Plan::random(random);
    plan.life = Life::ended;
    plan.parts = 1;
    expect_repaired(
        seed, plan,
        [](MadeRecording& made, ByteVector& bytes) {
          bytes.resize(bytes.size() - 1 - made.random_below(bytes.size() / 3));
        },
        0.2);
  }
}

TEST(Repair, ABrokenClusterIsLeftOut) {
  MadeRecording made(Plan{.format = Format::mkv, .audio = Codec::opus}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) {
    const std::array<std::uint8_t, 4> cluster = {0x1f, 0x43, 0xb6, 0x75};
    auto at = bytes.begin();
    for (int i = 0; i < 5; ++i) at = std::search(at + 1, bytes.end(), cluster.begin(), cluster.end());
    at[1] ^= 0xff;
  });
  const auto repaired = repair_file(made.disk(), made.parts()[0]);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->left_out_count, 1u);
  EXPECT_EQ(verify_path(made.disk(), repaired->output).verdict, Verdict::whole);
}

TEST(Repair, SaysWhatItLeftOut) {
  MadeRecording made(Plan{}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) {
    bytes.erase(bytes.begin() + packet * 100, bytes.begin() + packet * 101);
  });
  const auto repaired = repair_file(made.disk(), made.parts()[0]);
  ASSERT_TRUE(repaired);
  EXPECT_GE(repaired->frames_left_out, 1u);
  ASSERT_FALSE(repaired->left_out.empty());
  EXPECT_LE(repaired->left_out[0].from, packet * 100);
  // But for clock references of frames that were left out, which stay.
  EXPECT_LE(repaired->output_bytes + repaired->left_out_bytes - repaired->input_bytes, 5 * packet);
}

TEST(Repair, SaysWhichBytesOnlyTheOldChecksumsKnewToBeWrong) {
  MadeRecording made(Plan{}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) { bytes[packet * 100 + 150] ^= 4; });
  const auto repaired = repair_file(made.disk(), made.parts()[0]);
  ASSERT_TRUE(repaired);
  EXPECT_THAT(repaired->remarks, Contains(HasSubstr("changed after they were written")));
}

TEST(Repair, ASoundFileWithoutJournalGetsOne) {
  for (const Format format : {Format::mpegts, Format::mp4, Format::mkv}) {
    MadeRecording made(Plan{.format = format, .audio = Codec::opus, .gap = true}, 1);
    const ByteVector bytes = made.disk().content(made.parts()[0]);
    const std::string path = "r/old_20250102T030405.000Z." + std::string(container::file_extension(format));
    made.replace(path, bytes);
    const auto repaired = repair_file(made.disk(), path);
    ASSERT_TRUE(repaired) << repaired.error().message;
    EXPECT_TRUE(repaired->only_journal);
    EXPECT_EQ(repaired->output, path);
    EXPECT_EQ(made.disk().content(path), bytes);
    const Report report = verify_path(made.disk(), path);
    EXPECT_EQ(report.verdict, Verdict::whole) << to_json(report);
    ASSERT_TRUE(report.journal);
    EXPECT_EQ(report.journal->start.mint_id, "old");
    EXPECT_EQ(report.journal->end->reason, journal::EndReason::repaired);
    EXPECT_EQ(report.journal->gap_count, 1u);
  }
}

TEST(Repair, NothingIsWrittenOver) {
  MadeRecording made(Plan{}, 1);
  const std::string path = made.parts()[0];
  ASSERT_TRUE(repair_file(made.disk(), path));
  EXPECT_EQ(repair_file(made.disk(), path).error().code, ErrorCode::conflict);
  EXPECT_EQ(repair_file(made.disk(), path, path).error().code, ErrorCode::conflict);
  EXPECT_TRUE(repair(made.disk(), {.input = path, .overwrite = true, .now = now}));
}

TEST(Repair, WhatIsRecordedNowIsLeftAlone) {
  MadeRecording made(Plan{.life = Life::active}, 1);
  EXPECT_EQ(repair_file(made.disk(), made.parts()[0]).error().code, ErrorCode::conflict);
}

TEST(Repair, WhatHasNothingToSaveIsSaid) {
  MadeRecording made(Plan{}, 1);
  made.replace("r/x.ts", as_bytes(std::string(5000, 'x')));
  EXPECT_EQ(repair_file(made.disk(), "r/x.ts").error().code, ErrorCode::invalid);
  EXPECT_FALSE(made.disk().exists("r/x_repaired.ts"));
  EXPECT_EQ(repair_file(made.disk(), "r").error().code, ErrorCode::invalid);
}

ByteVector raw_h264(bool b_frames) {
  ByteVector raw;
  for (const auto& owned : stream_of(Codec::h264, b_frames).frames) {
    raw.insert(raw.end(), owned.bytes.begin(), owned.bytes.end());
  }
  return raw;
}

TEST(Repair, RawH264BecomesMpegTs) {
  MadeRecording made(Plan{}, 1);
  made.replace("r/old.h264", raw_h264(false));
  const auto repaired =
      repair(made.disk(), {.input = "r/old.h264", .frame_rate = FrameRate{25, 1}, .now = now});
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->output, "r/old_repaired.ts");
  const Report report = verify_path(made.disk(), repaired->output);
  EXPECT_EQ(report.verdict, Verdict::whole) << to_json(report);
  const TrackStructure& video = report.parts[0].structure.tracks[0];
  EXPECT_EQ(video.frames, 30u);
  EXPECT_EQ(video.key_frames, 2u);
  EXPECT_EQ(*video.last_pts - *video.first_pts, 29 * 3600);
  EXPECT_THAT(repaired->remarks, Contains(HasSubstr("25.000 frames per second")));
}

TEST(Repair, RawH264HasTheRateOfItsParameterSets) {
  MadeRecording made(Plan{}, 1);
  made.replace("r/old.h264", raw_h264(false));
  const auto repaired = repair_file(made.disk(), "r/old.h264");
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_THAT(repaired->remarks, Contains(HasSubstr("30.000 frames per second, from the stream's SPS")));
}

TEST(Repair, RawH264WithBPicturesIsRefused) {
  MadeRecording made(Plan{}, 1);
  made.replace("r/old.h264", raw_h264(true));
  EXPECT_EQ(repair_file(made.disk(), "r/old.h264").error().code, ErrorCode::unsupported);
}

TEST(AnnexB, ThePiecesMakeNoDifference) {
  const ByteVector raw = raw_h264(false);
  const auto sizes = [&](std::size_t piece) {
    std::vector<std::size_t> found;
    AnnexBReader reader([&](const AnnexBReader::AccessUnit& unit) { found.push_back(unit.bytes.size()); });
    for (Bytes rest = raw; !rest.empty();) {
      const Bytes some = rest.first(std::min(rest.size(), piece));
      reader.feed(some);
      rest = rest.subspan(some.size());
    }
    reader.finish();
    return found;
  };
  const auto whole = sizes(raw.size());
  EXPECT_EQ(whole.size(), 30u);
  for (const std::size_t piece : {1, 2, 3, 5, 1000}) EXPECT_EQ(sizes(piece), whole);
}

// Whatever the bytes: a file that verifies, or an error. (Run under AddressSanitizer by `make san`.)
TEST(Repair, HostileBytesAreRepairedOrRefused) {
  for (const std::uint64_t seed : test_seeds(150)) {
    SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    Plan plan = Plan::random(random);
    plan.life = Life::ended;
    plan.parts = 1;
    MadeRecording made(plan, seed);
    std::string path = made.parts()[0];
    if (random() % 4 == 0) made.replace(path = "r/raw.h264", raw_h264(false));
    made.change(path, [&](ByteVector& bytes) {
      const std::uint64_t flips = 1 + random() % 200;
      const std::uint64_t near = random() % 2 == 0 ? 600 : bytes.size();
      for (std::uint64_t i = 0; i < flips; ++i) {
        bytes[random() % std::min<std::uint64_t>(near, bytes.size())] = static_cast<std::uint8_t>(random());
      }
    });
    const auto repaired = repair_file(made.disk(), path);
    if (!repaired) {
      EXPECT_FALSE(made.disk().exists(path + ".partial"));
      continue;
    }
    const Report report = verify_path(made.disk(), repaired->output);
    EXPECT_FALSE(report.parts.empty());
  }
}

}  // namespace
}  // namespace holdfast::audit

#include "audit/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "audit/recording_maker_test.hpp"
#include "audit/report_json.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::audit {
namespace {

using namespace test;
using testing::Contains;
using testing::Field;

Report verify_made(MadeRecording& made) {
  const auto targets = find_targets(made.disk(), MadeRecording::journal_path);
  EXPECT_TRUE(targets) << targets.error().message;
  return verify(made.disk(), targets->at(0));
}
std::string told(const Report& report) {
  return to_json(report);
}
Verdict expected_of(const Plan& plan) {
  if (plan.life == Life::active) return Verdict::active;
  if (plan.life == Life::interrupted) return Verdict::interrupted;
  return plan.checksums == Checksums::yes ? Verdict::whole : Verdict::not_checksummed;
}

// A sample in `make test`, a thousand for the proof.
std::vector<std::uint64_t> healthy_seeds() {
  return test_seeds(std::getenv("HOLDFAST_PROVE") != nullptr ? 1000 : 50);
}

TEST(Verify, HealthyRecordingsAreHealthy) {
  for (const std::uint64_t seed : healthy_seeds()) {
    SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    MadeRecording made(Plan::random(random), seed);
    const Report report = verify_made(made);
    ASSERT_EQ(report.verdict, expected_of(made.plan())) << told(report);
    ASSERT_EQ(report.findings.faults(), 0u) << told(report);
  }
}

// What else a test is about, the recording is any.
Plan ended(std::uint64_t seed, Checksums checksums) {
  std::mt19937_64 random(seed);
  Plan plan = Plan::random(random);
  plan.life = Life::ended;
  plan.checksums = checksums;
  return plan;
}

class Damage : public testing::Test {
 protected:
  // Makes a recording for every seed, lets it be damaged, and wants it found.
  static void every_seed_is_found(std::uint64_t seeds, Checksums checksums, std::optional<Format> format,
                                  const std::function<void(MadeRecording&)>& damage) {
    for (const std::uint64_t seed : test_seeds(seeds)) {
      SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
      Plan plan = ended(seed, checksums);
      if (format) {
        plan.format = *format;
        plan.video = Codec::h264;
      }
      MadeRecording made(plan, seed);
      ASSERT_EQ(verify_made(made).findings.faults(), 0u);
      damage(made);
      const Report report = verify_made(made);
      ASSERT_EQ(report.verdict, Verdict::damaged) << told(report);
      ASSERT_GT(report.findings.faults(), 0u);
    }
  }
  static std::string any_part(MadeRecording& made) {
    return made.parts()[made.random_below(made.parts().size())];
  }
};

TEST_F(Damage, OneFlippedBitAnywhereInTheMedia) {
  every_seed_is_found(60, Checksums::yes, std::nullopt, [](MadeRecording& made) {
    made.change(any_part(made), [&](ByteVector& bytes) {
      bytes[made.random_below(bytes.size())] ^= static_cast<std::uint8_t>(1U << made.random_below(8));
    });
  });
}

TEST_F(Damage, OneFlippedBitAnywhereInTheJournal) {
  every_seed_is_found(60, Checksums::yes, std::nullopt, [](MadeRecording& made) {
    made.change(MadeRecording::journal_path, [&](ByteVector& bytes) {
      bytes[made.random_below(bytes.size())] ^= static_cast<std::uint8_t>(1U << made.random_below(8));
    });
  });
}

TEST_F(Damage, EveryBitOfTheJournalsLastLine) {
  MadeRecording made(Plan{}, 1);
  const ByteVector whole = made.disk().content(MadeRecording::journal_path);
  for (std::size_t at = whole.size() - 40; at < whole.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      ByteVector bytes = whole;
      bytes[at] ^= static_cast<std::uint8_t>(1U << bit);
      made.replace(MadeRecording::journal_path, bytes);
      ASSERT_EQ(verify_made(made).verdict, Verdict::damaged) << "byte " << at << " bit " << bit;
    }
  }
}

constexpr std::size_t packet = 188;

TEST_F(Damage, OneMissingPacketAlsoWithoutChecksums) {
  for (const Checksums checksums : {Checksums::yes, Checksums::no}) {
    every_seed_is_found(30, checksums, Format::mpegts, [](MadeRecording& made) {
      made.change(any_part(made), [&](ByteVector& bytes) {
        const auto at =
            bytes.begin() + static_cast<std::ptrdiff_t>(made.random_below(bytes.size() / packet) * packet);
        bytes.erase(at, at + packet);
      });
    });
  }
}

TEST_F(Damage, ATruncatedTailAlsoWithoutChecksums) {
  for (const Checksums checksums : {Checksums::yes, Checksums::no}) {
    every_seed_is_found(30, checksums, std::nullopt, [](MadeRecording& made) {
      made.change(any_part(made), [&](ByteVector& bytes) {
        bytes.resize(bytes.size() - 1 - made.random_below(bytes.size() - 1));
      });
    });
  }
}

TEST_F(Damage, TwoPacketsSwapped) {
  every_seed_is_found(40, Checksums::yes, Format::mpegts, [](MadeRecording& made) {
    made.change(any_part(made), [&](ByteVector& bytes) {
      const std::uint64_t packets = bytes.size() / packet;
      const std::uint64_t one = made.random_below(packets - 1);
      const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(one * packet);
      const auto second =
          first + static_cast<std::ptrdiff_t>((1 + made.random_below(packets - one - 1)) * packet);
      if (std::equal(first, first + packet, second)) bytes[0] ^= 1;  // a table twice
      std::swap_ranges(first, first + packet, second);
    });
  });
}

std::vector<std::string> lines_of(Bytes bytes) {
  std::vector<std::string> lines(1);
  for (const std::uint8_t byte : bytes) {
    lines.back() += static_cast<char>(byte);
    if (byte == '\n') lines.emplace_back();
  }
  lines.pop_back();
  return lines;
}
void change_lines(MadeRecording& made, const std::function<void(std::vector<std::string>&)>& edit) {
  made.change(MadeRecording::journal_path, [&](ByteVector& bytes) {
    auto lines = lines_of(bytes);
    edit(lines);
    std::string text;
    for (const std::string& line : lines) text += line;
    bytes.assign(text.begin(), text.end());
  });
}

TEST_F(Damage, AnEditedLineOfTheJournal) {
  every_seed_is_found(40, Checksums::yes, std::nullopt, [](MadeRecording& made) {
    change_lines(made, [&](auto& lines) {
      std::string& line = lines[made.random_below(lines.size())];
      const std::size_t digit = line.find_first_of("0123456789", line.size() / 3);
      line[digit] = line[digit] == '9' ? '8' : static_cast<char>(line[digit] + 1);
    });
  });
}

TEST_F(Damage, ALineThatWasTakenOutOfTheJournal) {
  every_seed_is_found(40, Checksums::yes, std::nullopt, [](MadeRecording& made) {
    // The last is the end: without it the recording was interrupted, and nobody can know better.
    change_lines(made, [&](auto& lines) {
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(made.random_below(lines.size() - 1)));
    });
  });
}

TEST_F(Damage, TwoLinesOfTheJournalSwapped) {
  every_seed_is_found(20, Checksums::yes, std::nullopt, [](MadeRecording& made) {
    change_lines(made, [&](auto& lines) {
      const std::size_t at = made.random_below(lines.size() - 1);
      std::swap(lines[at], lines[at + 1]);
    });
  });
}

TEST(Verify, SaysWhereTheDamageIs) {
  MadeRecording made(Plan{}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) { bytes[packet * 100 + 50] ^= 4; });
  const Report report = verify_made(made);
  const auto& found = report.findings.listed();
  const auto checksum = std::ranges::find(found, What::checksum, &Finding::what);
  ASSERT_NE(checksum, found.end()) << told(report);
  EXPECT_EQ(checksum->file, made.parts()[0]);
  EXPECT_LE(checksum->from, packet * 100 + 50);
  EXPECT_GT(checksum->to, packet * 100 + 50);
  EXPECT_TRUE(checksum->pts);
}

TEST(Verify, AMissingPacketIsNamed) {
  MadeRecording made(Plan{.checksums = Checksums::no}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) {
    bytes.erase(bytes.begin() + packet * 100, bytes.begin() + packet * 101);
  });
  const Report report = verify_made(made);
  const auto& found = report.findings.listed();
  const auto missing = std::ranges::find(found, What::continuity, &Finding::what);
  ASSERT_NE(missing, found.end()) << told(report);
  EXPECT_GE(missing->packet, 100u);
  EXPECT_LT(missing->packet, 130u);
}

std::vector<What> faults_of(const Report& report) {
  std::vector<What> faults;
  for (const Finding& finding : report.findings.listed()) {
    if (finding.severity == Severity::fault) faults.push_back(finding.what);
  }
  return faults;
}

TEST(Verify, APartThatIsNotThereIsMissing) {
  MadeRecording made(Plan{.parts = 3}, 1);
  ASSERT_TRUE(made.disk().remove(made.parts()[1]));
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::missing_part));
}

TEST(Verify, AHoleThatTheJournalDoesNotExplainIsFound) {
  MadeRecording made(Plan{.gap = true}, 1);
  auto entries = made.entries();
  std::erase_if(entries,
                [](const auto& entry) { return std::holds_alternative<journal::GapEvent>(entry.event); });
  made.write_journal(entries);
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::hole));
}

TEST(Verify, AHoleBetweenTwoPartsIsFoundToo) {
  MadeRecording made(Plan{.parts = 3, .seconds = 5}, 1);
  auto entries = made.entries();
  std::erase_if(entries, [](const auto& entry) {
    const auto* part = std::get_if<journal::PartEvent>(&entry.event);
    const auto* checksum = std::get_if<journal::ChecksumEvent>(&entry.event);
    return (part != nullptr && part->number == 2) || (checksum != nullptr && checksum->part == 2);
  });
  for (auto& entry : entries) {
    if (auto* part = std::get_if<journal::PartEvent>(&entry.event); part != nullptr && part->number == 3) {
      part->number = 2;
    }
    auto* checksum = std::get_if<journal::ChecksumEvent>(&entry.event);
    if (checksum != nullptr && checksum->part == 3) checksum->part = 2;
    if (auto* end = std::get_if<journal::EndEvent>(&entry.event)) end->parts = 2;
  }
  made.write_journal(entries);
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::hole));
}

// A `resumed` line explained whatever was missing from the whole part before it.
TEST(Verify, AHoleLongBeforeTheRecorderDiedIsFoundThoughTheRecordingWasResumed) {
  const auto verify_with_hole = [](double seconds_after_hole) {
    MadeRecording made(Plan{.parts = 2, .gap = true, .seconds = 2 * seconds_after_hole}, 1);
    auto entries = made.entries();
    // The first of the two gaps is not told.
    const auto is_gap = [](const auto& entry) {
      return std::holds_alternative<journal::GapEvent>(entry.event);
    };
    entries.erase(std::ranges::find_if(entries, is_gap));
    const auto second = std::ranges::find_if(entries, [](const auto& entry) {
      const auto* part = std::get_if<journal::PartEvent>(&entry.event);
      return part != nullptr && part->number == 2;
    });
    const auto resumed = entries.insert(second, *second);
    resumed->event = journal::ResumedEvent{"holdfast 0.1.0"};
    made.write_journal(entries);
    return faults_of(verify_made(made));
  };
  EXPECT_THAT(verify_with_hole(20), Contains(What::hole));
  // What was lost at the very end may not have been noted any more.
  EXPECT_THAT(verify_with_hole(1), testing::Not(Contains(What::hole)));
}

TEST(Verify, ALedgerWhoseSumsDoNotComeOutIsFound) {
  MadeRecording made(Plan{}, 1);
  made.edit_journal<journal::LedgerEvent>([](auto& ledger) { ++ledger.lost; });
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::ledger));
}

// The last ledger of a recorder that died is up to a minute old, and the time of its last line too.
TEST(Verify, ARecordingThatWasClosedAfterAnInterruptionMayHaveMoreThanItsJournalKnew) {
  MadeRecording made(Plan{}, 1);
  auto entries = made.entries();
  for (auto& entry : entries) {
    if (auto* ledger = std::get_if<journal::LedgerEvent>(&entry.event)) ledger->frames -= 10;
    if (auto* end = std::get_if<journal::EndEvent>(&entry.event)) {
      end->reason = journal::EndReason::interrupted;
      entry.pts -= 2 * media::ticks_per_second;
    }
  }
  made.write_journal(entries);
  EXPECT_EQ(verify_made(made).verdict, Verdict::whole) << told(verify_made(made));
}

TEST(Verify, FramesThatTheLedgerDidNotCountAreFound) {
  MadeRecording made(Plan{}, 1);
  made.edit_journal<journal::LedgerEvent>([](auto& ledger) { ++ledger.frames; });
  EXPECT_THAT(faults_of(verify_made(made)), testing::ElementsAre(What::frames));
}

TEST(Verify, BytesWithoutAChecksumAreFound) {
  MadeRecording made(Plan{}, 1);
  auto entries = made.entries();
  const auto first = std::ranges::find_if(
      entries, [](const auto& entry) { return std::holds_alternative<journal::ChecksumEvent>(entry.event); });
  entries.erase(first);
  made.write_journal(entries);
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::checksum_chain));
}

TEST(Verify, AFileThatWasReplacedHasTheChecksumOfAllOfIt) {
  MadeRecording made(Plan{.format = Format::mp4}, 1);
  const ByteVector other = [] {
    MadeRecording longer(Plan{.format = Format::mp4, .seconds = 6}, 2);
    return longer.disk().content(longer.parts()[0]);
  }();
  made.replace(made.parts()[0], other);
  auto entries = made.entries();
  entries.push_back(
      {.wall = entries.back().wall,
       .pts = entries.back().pts,
       .event = journal::ReplacedEvent{1, other.size(), format_crc32c(crc32c(other)), "faststart"}});
  made.write_journal(entries);
  EXPECT_EQ(verify_made(made).verdict, Verdict::whole) << told(verify_made(made));
  made.change(made.parts()[0], [](ByteVector& bytes) { bytes[bytes.size() / 2] ^= 1; });
  EXPECT_THAT(faults_of(verify_made(made)), Contains(What::checksum));
}

TEST(Verify, WhatTheDiskDidNotPromiseIsNoFault) {
  MadeRecording made(Plan{.parts = 2}, 1);
  auto entries = made.entries();
  const std::uint64_t size = made.disk().content(made.parts()[0]).size();
  std::erase_if(entries, [](const auto& entry) {
    const auto* checksum = std::get_if<journal::ChecksumEvent>(&entry.event);
    return checksum != nullptr && checksum->part == 1;
  });
  const auto second = std::ranges::find_if(entries, [](const auto& entry) {
    const auto* part = std::get_if<journal::PartEvent>(&entry.event);
    return part != nullptr && part->number == 2;
  });
  entries.insert(second, {.wall = second->wall,
                          .pts = second->pts,
                          .event = journal::UnsafeEvent{1, 0, size, "Input/output error"}});
  made.write_journal(entries);
  const Report report = verify_made(made);
  EXPECT_EQ(report.verdict, Verdict::not_checksummed) << told(report);
  EXPECT_THAT(report.findings.listed(), Contains(Field(&Finding::what, What::unsafe)));
}

TEST(Verify, WhatLiesBehindTheLastChecksumOfADeadRecorderIsNoFault) {
  MadeRecording made(Plan{.life = Life::interrupted}, 1);
  made.change(made.parts()[0], [](ByteVector& bytes) { bytes.insert(bytes.end(), 5000, 0); });
  const Report report = verify_made(made);
  EXPECT_EQ(report.verdict, Verdict::interrupted) << told(report);
  EXPECT_GT(report.findings.notes(), 0u);
}

TEST(Verify, WhatGrowsIsReadAsFarAsItIsDurable) {
  MadeRecording made(Plan{.life = Life::active}, 1);
  const Report report = verify_made(made);
  EXPECT_EQ(report.verdict, Verdict::active) << told(report);
  EXPECT_EQ(report.bytes_read, report.parts[0].checked_bytes);
  EXPECT_GT(report.bytes_read, 0u);
}

TEST(Verify, AFileWithoutAJournalIsJudgedByItsStructure) {
  for (const Format format : {Format::mpegts, Format::mp4, Format::mkv}) {
    MadeRecording made(Plan{.format = format, .audio = Codec::opus}, 1);
    const std::string path = "r/alone." + std::string(container::file_extension(format));
    const ByteVector bytes = made.disk().content(made.parts()[0]);
    made.replace(path, bytes);
    const auto targets = find_targets(made.disk(), path);
    ASSERT_TRUE(targets);
    EXPECT_EQ(verify(made.disk(), targets->at(0)).verdict, Verdict::not_checksummed);
    made.replace(path, Bytes(bytes).first(bytes.size() - 100));
    EXPECT_EQ(verify(made.disk(), targets->at(0)).verdict, Verdict::damaged);
  }
}

TEST(Verify, AFolderHasItsRecordingsAndTheFilesWithoutJournal) {
  MadeRecording made(Plan{.parts = 2}, 1);
  made.replace("r/alone.ts", made.disk().content(made.parts()[0]));
  made.replace("r/notes.txt", as_bytes("hello"));
  const auto targets = find_targets(made.disk(), "r");
  ASSERT_TRUE(targets);
  ASSERT_EQ(targets->size(), 2u);
  EXPECT_EQ((*targets)[0].journal, "m_20261122T164501.250Z.journal.jsonl");
  EXPECT_EQ((*targets)[1].file, "alone.ts");
}

TEST(Verify, WhatWasReplacedSinceTheFolderWasListedIsLookedAtAgain) {
  MadeRecording made(Plan{}, 1);
  const auto targets = find_targets(made.disk(), "r");
  ASSERT_TRUE(targets);
  Target stale = targets->at(0);
  stale.sizes = std::make_shared<const FileSizes>();
  EXPECT_EQ(verify(made.disk(), stale).verdict, Verdict::whole);
}

TEST(Verify, APartMeansItsRecording) {
  MadeRecording made(Plan{.parts = 2}, 1);
  const auto targets = find_targets(made.disk(), made.parts()[1]);
  ASSERT_TRUE(targets);
  EXPECT_EQ(targets->at(0).journal, "m_20261122T164501.250Z.journal.jsonl");
}

TEST(Verify, WhatIsNotThereIsSaid) {
  sim::SimDisk disk;
  EXPECT_EQ(find_targets(disk, "nowhere/x.ts").error().code, ErrorCode::not_found);
}

// Whatever the bytes: an answer, and no fault of ours (run under AddressSanitizer by `make san`).
TEST(Verify, HostileBytesAreJudgedToo) {
  for (const std::uint64_t seed : test_seeds(150)) {
    SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    MadeRecording made(Plan::random(random), seed);
    std::vector<std::string> paths = made.parts();
    paths.push_back(MadeRecording::journal_path);
    made.change(paths[random() % paths.size()], [&](ByteVector& bytes) {
      const std::uint64_t flips = 1 + random() % 200;
      const std::uint64_t near = random() % 2 == 0 ? 600 : bytes.size();  // headers are where the parsers are
      for (std::uint64_t i = 0; i < flips; ++i) {
        bytes[random() % std::min<std::uint64_t>(near, bytes.size())] = static_cast<std::uint8_t>(random());
      }
      if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    });
    const Report report = verify_made(made);
    EXPECT_LE(report.findings.listed().size(), 2 * Findings::limit);
  }
}

TEST(Verify, NoiseInAnyFormatIsJudgedToo) {
  for (const std::uint64_t seed : test_seeds(60)) {
    std::mt19937_64 random(seed);
    ByteVector noise(random() % 40'000);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    for (const Format format : {Format::mpegts, Format::mp4, Format::mkv}) {
      Findings findings;
      const auto reader = make_structure_reader(format, findings, "noise", Rules::ours);
      for (Bytes rest = noise; !rest.empty();) {
        const Bytes some = rest.first(std::min<std::size_t>(rest.size(), 1 + random() % 3000));
        reader->feed(some);
        rest = rest.subspan(some.size());
      }
      reader->finish(Ending::whole);
      EXPECT_GT(findings.faults(), 0u);
    }
  }
}

// However the file is cut into pieces, the same is found.
TEST(Verify, ThePiecesMakeNoDifference) {
  for (const std::uint64_t seed : test_seeds(20)) {
    SCOPED_TRACE("HOLDFAST_SEEDS=1 HOLDFAST_SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    MadeRecording made(Plan::random(random), seed);
    ByteVector bytes = made.disk().content(made.parts()[0]);
    for (int i = 0; i < 20; ++i) bytes[random() % bytes.size()] ^= 0x10;
    const auto read = [&](std::size_t piece) {
      Findings findings;
      const auto reader =
          make_structure_reader(made.plan().format, findings, "f", Rules::ours, made.plan().start);
      for (Bytes rest = bytes; !rest.empty();) {
        const Bytes some = rest.first(std::min(rest.size(), piece));
        reader->feed(some);
        rest = rest.subspan(some.size());
      }
      reader->finish(Ending::whole);
      std::string text;
      for (const Finding& finding : findings.listed())
        text += fmt::format("{}@{} ", finding.detail, *finding.from);
      return text;
    };
    const std::string whole = read(bytes.size());
    EXPECT_EQ(read(1000), whole);
    EXPECT_EQ(read(7), whole);
  }
}

}  // namespace
}  // namespace holdfast::audit

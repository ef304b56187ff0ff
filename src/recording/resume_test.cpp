#include <set>

#include "archive/recovery.hpp"
#include "audit/verify.hpp"
#include "journal/line.hpp"
#include "recording/session_test.hpp"
#include "sim/power_cuts.hpp"

namespace holdfast::recording {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A recorder dies, another goes on with what it left.
class ResumeTest : public SessionTest {
 protected:
  static constexpr const char* journal_file = "m-1_20260101T000000.000Z.journal.jsonl";

  static audit::Report verify(Disk& on) {
    return audit::verify(on, {.folder = "/recordings/", .journal = journal_file});
  }
  static std::vector<std::string> faults(const audit::Report& report) {
    std::vector<std::string> found;
    for (const audit::Finding& finding : report.findings.listed()) {
      if (finding.severity == audit::Severity::fault) found.push_back(finding.detail);
    }
    return found;
  }
  void expect_whole() {
    const audit::Report report = verify(disk);
    EXPECT_EQ(report.verdict, audit::Verdict::whole) << audit::to_string(report.verdict);
    EXPECT_THAT(faults(report), IsEmpty());
  }
  // The journal, and all that it names.
  static std::set<std::string> named_files(const sim::SimDisk& on) {
    std::set<std::string> names{journal_file};
    const auto journal = journal::parse(on.content(std::string("/recordings/") + journal_file));
    for (const journal::Entry& entry : journal.entries) {
      if (const auto* part = std::get_if<journal::PartEvent>(&entry.event)) names.insert(part->file);
      if (const auto* cut = std::get_if<journal::TrimmedEvent>(&entry.event)) names.insert(cut->kept_as);
    }
    return names;
  }
  void append(const std::string& path, Bytes bytes) {
    auto file = disk.open(path);
    ASSERT_TRUE(file.has_value());
    ASSERT_TRUE((*file)->append(bytes).has_value());
  }
  // A recorder that died while its second part had 100 bytes. Gives that part's path.
  std::string die_early_in_the_second_part() {
    connect();
    play_both();
    run_for(3s);
    session().split();
    std::string second;
    EXPECT_TRUE(clock.run_until(
        [&] {
          const auto paths = status().output_paths;
          if (paths.size() == 2) second = paths[1];
          return disk.exists(second);
        },
        10s));
    kill_recorder();
    stop_both();
    run_for(1s);  // what it had handed over reaches the disk
    EXPECT_TRUE(disk.truncate(second, 100).has_value());
    return second;
  }

  archive::Recovered take_over() {
    auto taken = archive::recover(disk, "/recordings", journal_file, clock.wall());
    EXPECT_TRUE(taken.has_value() && taken->has_value());
    return std::move(**taken);
  }
  void go_on() {
    archive::Recovered recovered = take_over();
    options.output.resume_point = ResumePoint{.files = std::move(recovered.files),
                                              .first_pts = recovered.first_pts,
                                              .end_pts = recovered.end_pts,
                                              .end_wall = recovered.end_wall};
  }
  std::vector<std::string> reasons() {
    std::vector<std::string> found;
    for (const journal::PartEvent& part : events<journal::PartEvent>())
      found.emplace_back(to_string(part.reason));
    return found;
  }
};

TEST_F(ResumeTest, TheRecordingGoesOnOnItsOwnTimeline) {
  connect();
  play_both();
  run_for(7s);
  const Instant killed = clock.now();
  kill_recorder();
  stop_both();
  run_for(20s);
  go_on();
  connect();
  play_both();
  run_for(5s);
  EXPECT_EQ(state(), State::recording);
  finish();

  EXPECT_THAT(reasons(), ElementsAre("start", "resumed"));
  EXPECT_THAT(events<journal::StartEvent>(), SizeIs(1));
  EXPECT_THAT(events<journal::ResumedEvent>(), SizeIs(1));
  const auto gaps = events<journal::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_EQ(gaps[0].cause, "restart");
  // From the last picture of the first file to the first packet after it.
  const MediaFile first = file(0);
  const MediaFile second = file(1);
  const auto last = std::max(first.video().packets.back().pts, first.audio().packets.back().pts);
  EXPECT_NEAR(static_cast<double>(gaps[0].from_pts), static_cast<double>(last), 1);
  EXPECT_NEAR(static_cast<double>(gaps[0].to_pts - gaps[0].from_pts), 20.3 * media::ticks_per_second,
              0.4 * media::ticks_per_second);
  EXPECT_GE(second.video().packets.front().pts, gaps[0].to_pts);
  EXPECT_LE(second.video().packets.front().pts - gaps[0].to_pts, media::ticks_per_second / 5);
  EXPECT_TRUE(second.video().packets.front().key);
  // Media time has gone with the wall clock all along.
  EXPECT_NEAR(to_seconds(status().duration), to_seconds(clock.now() - killed) + 7, 0.5);
  EXPECT_EQ(journal().damaged + journal().missing, 0u);
  expect_whole();
}

TEST_F(ResumeTest, WhoNeverGetsMediaAgainEndsItWhole) {
  connect();
  play_both();
  run_for(5s);
  kill_recorder();
  stop_both();
  run_for(2s);
  go_on();
  connect();
  ASSERT_TRUE(clock.run_until([&] { return recorder().limit_reached.has_value(); }, 70s));
  EXPECT_EQ(recorder().limit_reached, journal::EndReason::gap_limit);
  finish(journal::EndReason::gap_limit);
  EXPECT_THAT(reasons(), ElementsAre("start"));
  const auto ends = events<journal::EndEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends[0].bytes, bytes(0).size());
  EXPECT_NEAR(ends[0].duration, 5, 0.5);
  expect_whole();
}

TEST_F(ResumeTest, AsOftenAsItTakes) {
  connect();
  play_both();
  for (int i = 0; i < 3; ++i) {
    run_for(3s);
    kill_recorder();
    stop_both();
    run_for(1s);
    options.local = {Endpoint{IpAddress::from_v4(192, 0, 2, 2), static_cast<std::uint16_t>(3000 + i)}};
    go_on();
    connect();
    play_both();
  }
  run_for(3s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "resumed", "resumed", "resumed"));
  EXPECT_THAT(events<journal::GapEvent>(), SizeIs(3));
  media::Ticks last = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const MediaFile part = file(i);
    EXPECT_GT(part.video().packets.front().pts, last) << "part " << i + 1;
    last = part.video().packets.back().pts;
  }
  expect_whole();
}

// A recorder died before its second part had one whole frame. What recovery set aside was called missing, and
// the count of parts wrong.
TEST_F(ResumeTest, APartWithoutAWholeFrameIsNotMissed) {
  const std::string second = die_early_in_the_second_part();
  const archive::Recovered recovered = take_over();
  EXPECT_THAT(recovered.files.part_paths, SizeIs(1));
  EXPECT_FALSE(disk.exists(second));
  ASSERT_TRUE(archive::close_recovered(recovered, clock.wall()).has_value());
  expect_whole();
}

TEST_F(ResumeTest, APartWithoutAWholeFrameIsNotMissedWhenTheRecordingIsResumed) {
  die_early_in_the_second_part();
  go_on();
  connect();
  play_both();
  run_for(3s);
  finish();
  expect_whole();
}

// A power cut took the last lines of the journal, but not the files that they name. The resumed recording
// wanted to make a file of the same name, and could write nothing any more.
TEST_F(ResumeTest, FilesThatTheJournalDoesNotNameAreAdopted) {
  connect();
  play_both();
  for (int i = 0; i < 2; ++i) {
    run_for(3s);
    session().split();
  }
  run_for(3s);
  ASSERT_THAT(status().output_paths, SizeIs(3));
  kill_recorder();
  stop_both();
  run_for(1s);
  const std::string path = std::string("/recordings/") + journal_file;
  ByteVector lines;
  for (const journal::Entry& entry : journal().entries) {
    const auto* part = std::get_if<journal::PartEvent>(&entry.event);
    if (part != nullptr && part->number == 2) break;
    journal::serialize(entry, lines);
  }
  ASSERT_TRUE(disk.remove(path).has_value());
  disk.put(path, lines);
  go_on();
  connect();
  play_both();
  run_for(3s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "recovered", "recovered", "resumed"));
  EXPECT_THAT(status().output_paths, SizeIs(4));
  expect_whole();
}

// The second recovery took the lines of the first for the recording's own, and the time of the first for the
// time at which the recording was interrupted: the gap became too short, and the resume limit began anew.
TEST_F(ResumeTest, ARecorderThatDiesAgainWhileItRecoversChangesNothing) {
  disk.record(true);
  connect();
  play_both();
  run_for(3s);
  session().split();
  run_for(3s);
  const std::vector<std::string> paths = status().output_paths;
  ASSERT_THAT(paths, SizeIs(2));
  kill_recorder();
  stop_both();
  disk.record(false);  // what the dead process still does reaches no disk
  run_for(10s);
  disk.record(true);
  append(paths[1], ByteVector(100, 0x47));  // as when it died in the middle of a write
  const std::size_t before = disk.operations().size();
  const archive::Recovered first = take_over();
  ASSERT_GT(first.trimmed, 0u);
  const std::size_t after = disk.operations().size();
  ASSERT_GT(after, before);

  SeededRandom random(seed);
  sim::PowerCuts cuts(disk.operations());
  while (cuts.done() < before) ASSERT_TRUE(cuts.advance());
  do {
    for (const std::size_t torn : {std::size_t{0}, cuts.last_size() / 2, cuts.last_size()}) {
      SCOPED_TRACE(testing::Message() << "died after " << cuts.done() - before << " of " << after - before
                                      << " operations of the recovery, " << torn << " bytes of the last");
      const auto image = cuts.image(torn, sim::PowerCuts::Unsynced::kept, random);
      const auto taken = archive::recover(*image, "/recordings", journal_file, clock.wall() + 60s);
      ASSERT_TRUE(taken.has_value() && taken->has_value());
      const archive::Recovered& second = **taken;
      EXPECT_EQ(second.first_pts, first.first_pts);
      EXPECT_EQ(second.end_pts, first.end_pts);
      EXPECT_EQ(second.end_wall, first.end_wall);
      EXPECT_EQ(second.files.bytes, first.files.bytes);
      ASSERT_TRUE(archive::close_recovered(second, clock.wall() + 60s).has_value());
      EXPECT_THAT(faults(verify(*image)), IsEmpty());
      // Whatever was cut off belongs to the recording, and goes with it.
      const auto listing = image->list("/recordings");
      ASSERT_TRUE(listing.has_value());
      const std::set<std::string> known = named_files(*image);
      for (const DirectoryEntry& entry : *listing) {
        EXPECT_TRUE(known.contains(entry.name)) << entry.name << " belongs to no recording";
      }
    }
  } while (cuts.advance());
}

TEST_F(ResumeTest, OneThatIsRecordedIsNotTakenOver) {
  connect();
  play_both();
  run_for(3s);
  const auto taken = archive::recover(disk, "/recordings", journal_file, clock.wall());
  ASSERT_TRUE(taken.has_value());
  EXPECT_FALSE(taken->has_value());
  finish();
}

}  // namespace
}  // namespace holdfast::recording

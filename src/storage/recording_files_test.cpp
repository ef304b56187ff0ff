#include "storage/recording_files.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::storage {
namespace {

using std::chrono::seconds;

// The disk and the worker take turns at once: what is asked is done when the call returns.
struct RecordingFilesTest : testing::Test {
  static constexpr const char* folder = "/recordings";

  std::unique_ptr<RecordingFiles> begin(const std::string& mint_id, const WallTime& start) {
    auto files = std::make_unique<RecordingFiles>(context, folder, base_name(mint_id, start));
    files->note(journal::StartEvent{.program = "t",
                                    .recording_id = "r-" + mint_id,
                                    .mint_id = mint_id,
                                    .participant = "ann",
                                    .format = "mpegts"},
                now, 0);
    return files;
  }
  void write(RecordingFiles& files, std::string_view text) {
    const Bytes bytes = as_bytes(text);
    files.buffer().insert(files.buffer().end(), bytes.begin(), bytes.end());
    files.commit(now.instant);
  }
  std::optional<Result<void>> end(RecordingFiles& files) {
    std::optional<Result<void>> closed;
    files.close({.reason = journal::EndReason::stopped, .duration = 1.5}, now, 135'000,
                [&](Result<void> result) { closed = std::move(result); });
    return closed;
  }
  RecordingSummary only() {
    const auto found = scan(disk, folder);
    EXPECT_TRUE(found);
    EXPECT_EQ(found->recordings.size(), 1U);
    return found->recordings.at(0);
  }

  Now now{Instant(seconds(100)), WallTime(seconds(1'795'365'901))};
  sim::SimDisk disk;
  InlineExecutor inline_executor;
  WriteBudget budget;
  StorageContext context{disk, inline_executor, inline_executor, budget, [this] { return now.instant; }};
};

TEST_F(RecordingFilesTest, WritesPartsOneAfterTheOther) {
  auto files = begin("m", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  write(*files, "first");
  files->open_part("ts", "mpegts", journal::PartReason::video_format, now, 90'000);
  write(*files, "second!");
  const auto paths = files->part_paths();
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(as_text(disk.content(paths[0])), "first");
  EXPECT_EQ(as_text(disk.content(paths[1])), "second!");
  EXPECT_EQ(files->written(), 12U);
  EXPECT_EQ(only().end, RecordingEnd::active);
  const auto closed = end(*files);
  ASSERT_TRUE(closed);
  EXPECT_TRUE(closed->has_value());
  EXPECT_EQ(files->written(), 12U);
  EXPECT_GE(files->counters().writes, 4U);
}

TEST_F(RecordingFilesTest, IsReadBackFromItsJournal) {
  auto files = begin("mint:7", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  write(*files, "12345");
  end(*files);
  const RecordingSummary recording = only();
  EXPECT_EQ(recording.recording_id, "r-mint:7");
  EXPECT_EQ(recording.mint_id, "mint:7");
  EXPECT_EQ(recording.participant, "ann");
  EXPECT_EQ(recording.start_time, now.wall);
  EXPECT_EQ(recording.end, RecordingEnd::ended);
  EXPECT_EQ(recording.end_reason, journal::EndReason::stopped);
  EXPECT_EQ(recording.duration, 1.5);
  ASSERT_EQ(recording.parts.size(), 1U);
  EXPECT_EQ(recording.parts[0].bytes, 5U);
  EXPECT_EQ(recording.parts[0].path, files->part_paths()[0]);
}

TEST_F(RecordingFilesTest, IsWholeAfterAPowerCutOnceClosed) {
  auto files = begin("m", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  write(*files, "12345");
  end(*files);
  disk.cut_power();
  const RecordingSummary recording = only();
  EXPECT_EQ(recording.end, RecordingEnd::ended);
  EXPECT_EQ(recording.parts.at(0).bytes, 5U);
}

TEST_F(RecordingFilesTest, IsInterruptedWhenItsProcessDied) {
  auto files = begin("m", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  disk.kill_process();
  EXPECT_EQ(only().end, RecordingEnd::interrupted);
}

TEST_F(RecordingFilesTest, SaysWhatItCouldNotKeep) {
  auto files = begin("m", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  disk.fail_writes(true);
  write(*files, "12345");
  ASSERT_TRUE(files->error());
  EXPECT_EQ(files->deadline(), now.instant + FileWriter::retry_interval);
  EXPECT_EQ(files->pending(), 5U);
  disk.fail_writes(false);
  now.instant += seconds(1);
  files->handle_tick(now, 0);
  EXPECT_FALSE(files->error());
  EXPECT_EQ(files->deadline(), never);
  EXPECT_EQ(files->pending(), 0U);
}

TEST_F(RecordingFilesTest, DoesNotTouchTheFilesOfAnother) {
  auto first = begin("m", now.wall);
  auto second = begin("m", now.wall);
  ASSERT_TRUE(second->error());
  EXPECT_EQ(second->error()->code, ErrorCode::conflict);
  const auto closed = end(*second);
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->error().code, ErrorCode::conflict);
  EXPECT_EQ(only().end, RecordingEnd::active);
}

TEST_F(RecordingFilesTest, ListsTheNewestLastAndWhatItCannotRead) {
  auto late = begin("a", now.wall + seconds(5));
  const Now start = now;
  now.wall -= seconds(10);
  auto early = begin("b", now.wall);
  now = start;
  const auto bad = disk.create("/recordings/x.journal.jsonl");
  ASSERT_TRUE(bad);
  const auto found = scan(disk, folder);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->recordings.size(), 2U);
  EXPECT_EQ(found->recordings[0].mint_id, "b");
  ASSERT_EQ(found->unreadable.size(), 1U);
  EXPECT_NE(found->unreadable[0].message.find("x.journal.jsonl"), std::string::npos);
}

TEST_F(RecordingFilesTest, MarksAPartThatIsMissingAndOneThatLeadsAway) {
  auto files = begin("m", now.wall);
  files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  files->note(journal::PartEvent{.number = 2, .file = "../../etc/passwd"}, now, 0);
  ASSERT_TRUE(disk.remove(files->part_paths()[0]));
  const RecordingSummary recording = only();
  ASSERT_EQ(recording.parts.size(), 1U);
  EXPECT_TRUE(recording.parts[0].missing);
}

TEST_F(RecordingFilesTest, SaysThatAFolderIsMissing) {
  EXPECT_EQ(scan(disk, "/nowhere").error().code, ErrorCode::not_found);
}

// The same with syncs: a second passes, and with it a round.
struct SyncedFilesTest : RecordingFilesTest {
  Syncer syncer{
      {inline_executor, inline_executor, inline_executor}, seconds(1), [this] { return now.instant; }};
  std::unique_ptr<RecordingFiles> files;

  void SetUp() override {
    context.syncer = &syncer;
    files = begin("m", now.wall);
    files->open_part("ts", "mpegts", journal::PartReason::start, now, 0);
  }
  void pass_a_second() {
    now.instant += seconds(1);
    now.wall += seconds(1);
    files->handle_tick(now, 90'000);
  }
  std::string journal_path() const { return std::string(folder) + "/" + journal_name(files->base()); }
  journal::Lines journal() { return journal::parse(disk.content(journal_path())); }
};

TEST_F(SyncedFilesTest, TheJournalTellsWhatIsDurable) {
  write(*files, "0123456789");
  pass_a_second();
  write(*files, "abc");
  pass_a_second();
  const auto path = files->part_paths().back();
  disk.cut_power();
  const journal::Lines told = journal();
  std::vector<journal::ChecksumEvent> sums;
  for (const journal::Entry& entry : told.entries) {
    if (const auto* sum = std::get_if<journal::ChecksumEvent>(&entry.event)) sums.push_back(*sum);
  }
  ASSERT_GE(sums.size(), 1U) << "the line of the last round is durable with the next";
  EXPECT_EQ(sums[0].to, 10U);
  EXPECT_EQ(sums[0].crc32c, format_crc32c(crc32c(as_bytes("0123456789"))));
  EXPECT_EQ(as_text(disk.content(path)), "0123456789abc");
  EXPECT_EQ(files->durable(), 13U);
}

TEST_F(SyncedFilesTest, TheWholeOfAnEndedRecordingIsCovered) {
  write(*files, "0123456789");
  pass_a_second();
  write(*files, "abc");
  ASSERT_TRUE(end(*files));
  const journal::Lines told = journal();
  EXPECT_EQ(told.last<journal::ChecksumEvent>()->from, 10U);
  EXPECT_EQ(told.last<journal::ChecksumEvent>()->to, 13U);
  EXPECT_NE(told.last<journal::EndEvent>(), nullptr);
}

TEST_F(SyncedFilesTest, APartWhoseSyncFailedIsFollowedByAnother) {
  write(*files, "0123456789");
  disk.fail_syncs(".ts", 1);
  pass_a_second();
  EXPECT_TRUE(files->needs_new_part());
  EXPECT_EQ(files->unsafe(), 10U);
  EXPECT_EQ(journal().last<journal::UnsafeEvent>()->to, 10U);
  files->open_part("ts", "mpegts", journal::PartReason::disk, now, 90'000);
  EXPECT_FALSE(files->needs_new_part());
  write(*files, "next");
  pass_a_second();
  EXPECT_EQ(journal().last<journal::ChecksumEvent>()->part, 2);
  EXPECT_FALSE(files->needs_new_part());
}

TEST_F(SyncedFilesTest, APartThatWasDeletedIsFollowedByAnother) {
  write(*files, "0123456789");
  ASSERT_TRUE(disk.remove(files->part_paths().back()));
  pass_a_second();
  EXPECT_TRUE(files->needs_new_part());
  EXPECT_NE(journal().last<journal::DiskEvent>()->error.find("deleted or moved"), std::string::npos);
}

TEST_F(SyncedFilesTest, AJournalThatWasDeletedComesBackWhole) {
  write(*files, "0123456789");
  ASSERT_TRUE(disk.remove(journal_path()));
  pass_a_second();
  pass_a_second();
  EXPECT_FALSE(files->needs_new_part());
  const journal::Lines told = journal();
  EXPECT_EQ(told.missing + told.damaged, 0U);
  EXPECT_NE(told.last<journal::StartEvent>(), nullptr);
  EXPECT_NE(told.last<journal::DiskEvent>()->error.find("deleted or moved"), std::string::npos);
  EXPECT_FALSE((*disk.open(journal_path()))->lock()) << "the lock goes along";
}

TEST_F(SyncedFilesTest, AJournalInWhosePlaceAnotherLiesWaitsForItToGo) {
  write(*files, "0123456789");
  ASSERT_TRUE(disk.rename(journal_path(), journal_path() + ".moved"));
  ASSERT_TRUE(disk.create(journal_path()));
  pass_a_second();
  pass_a_second();
  ASSERT_TRUE(files->error());
  EXPECT_NE(files->error()->message.find("another file lies in its place"), std::string::npos);
  EXPECT_FALSE(files->needs_new_part()) << "the media goes on";
  ASSERT_TRUE(disk.remove(journal_path()));
  pass_a_second();
  pass_a_second();
  EXPECT_FALSE(files->error());
  EXPECT_NE(journal().last<journal::StartEvent>(), nullptr);
}

TEST_F(SyncedFilesTest, AJournalWhoseSyncFailedIsWrittenOnceMore) {
  write(*files, "0123456789");
  disk.fail_syncs("journal", 1);
  pass_a_second();
  EXPECT_FALSE(files->needs_new_part());
  write(*files, "abc");
  pass_a_second();
  pass_a_second();
  disk.cut_power();
  const journal::Lines told = journal();
  EXPECT_EQ(told.missing + told.damaged, 0U);
  EXPECT_NE(told.last<journal::StartEvent>(), nullptr) << "of which the failed sync was";
  EXPECT_EQ(told.last<journal::PartEvent>()->number, 1);
}

}  // namespace
}  // namespace holdfast::storage

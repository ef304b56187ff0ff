#include "archive/removal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/test_folder_test.hpp"

namespace holdfast::archive {
namespace {

using std::chrono::days;
using testing::ElementsAre;

const WallTime day_one{std::chrono::milliseconds(1'795'365'901'250)};

struct RemovalTest : testing::Test {
  RetentionPlan::Removal planned(const std::string& base) {
    const auto scan = storage::scan(folder.disk, folder.path);
    for (const auto& recording : scan->recordings) {
      if (recording.recording_id == base) return {recording, RemovalReason::keep_days};
    }
    ADD_FAILURE() << "no " << base;
    return {};
  }
  std::optional<Removed> remove(const RetentionPlan::Removal& removal) {
    auto remover = Remover::open(folder.disk, folder.path, now);
    EXPECT_TRUE(remover) << remover.error().message;
    auto removed = remover->remove(removal, now);
    EXPECT_TRUE(removed) << removed.error().message;
    return removed.value_or(std::nullopt);
  }
  std::optional<Removed> remove(const std::string& base) { return remove(planned(base)); }
  journal::Lines account() {
    return journal::parse(folder.disk.content(folder.at(std::string(storage::removals_name))));
  }
  // As a process leaves it that dies once it has said what is to go.
  void say_only(const std::string& base, std::vector<std::string> files, WallTime end) {
    folder.wall = now;
    folder.create(std::string(storage::removals_name), {});
    ByteVector line;
    journal::serialize({.number = 1,
                        .wall = now,
                        .event =
                            journal::RemovedEvent{
                                .recording_id = base, .files = std::move(files), .end = format_rfc3339(end)}},
                       line);
    folder.append(std::string(storage::removals_name), line);
  }

  TestFolder folder;
  const WallTime now = day_one + days(30);
};

TEST_F(RemovalTest, TakesWhatTheJournalNamesAndTheJournalAndSaysSo) {
  const std::string base = folder.begin("m", day_one);
  folder.add_part(base, 2);
  folder.note(base, journal::TrimmedEvent{.part = 1, .bytes = 9, .cut = 3, .kept_as = base + ".cut"});
  folder.create(base + ".cut", as_bytes("cut"));
  folder.create(base + ".ts.tail", as_bytes("tail"));
  folder.end(base);
  const std::string other = folder.add_ended("m", day_one + days(1));
  folder.create("holiday.ts", as_bytes("not ours"));
  folder.create(base + ".ts.tailor", as_bytes("the tailor's"));
  folder.create(base + ".txt", as_bytes("a note of the user's"));

  const auto removed = remove(base);
  ASSERT_TRUE(removed);
  EXPECT_THAT(removed->files, ElementsAre(base + ".cut", base + ".ts", base + ".ts.tail",
                                          base + "_part002.ts", base + ".journal.jsonl"));
  for (const std::string& name : removed->files) EXPECT_FALSE(folder.has(name)) << name;
  for (const std::string& name : {other + ".ts", other + ".journal.jsonl", std::string("holiday.ts"),
                                  base + ".txt", base + ".ts.tailor"})
    EXPECT_TRUE(folder.has(name)) << name;

  const auto lines = account();
  ASSERT_EQ(lines.entries.size(), 2U);
  const auto* said = lines.last<journal::RemovedEvent>();
  EXPECT_EQ(said->recording_id, base);
  EXPECT_EQ(said->mint_id, "m");
  EXPECT_EQ(said->files, removed->files);
  EXPECT_EQ(said->bytes, removed->bytes);
  EXPECT_EQ(said->start, format_rfc3339(day_one));
  EXPECT_EQ(said->reason, "keep_days");
  EXPECT_EQ(lines.last<journal::RemovalDoneEvent>()->removal, 1U);
}

TEST_F(RemovalTest, WhatIsProtectedOrRecordedSinceThePlanStays) {
  const auto late_protected = planned(folder.add_ended("p", day_one));
  folder.protect(late_protected.recording.recording_id);
  const std::string resumed = folder.begin("r", day_one);
  folder.interrupt(resumed);
  const auto late_locked = planned(resumed);
  folder.lock(resumed);
  EXPECT_FALSE(remove(late_protected));
  EXPECT_FALSE(remove(late_locked));
  folder.interrupt(resumed);
  folder.wall = day_one + days(29);
  folder.note(resumed, journal::ResumedEvent{});
  EXPECT_FALSE(remove(late_locked)) << "it is younger than was thought";
  EXPECT_TRUE(folder.has(resumed + ".ts"));
  EXPECT_TRUE(account().entries.empty());
}

TEST_F(RemovalTest, AJournalThatNamesAnotherFolderOrJournalReachesNothing) {
  folder.create("keep.journal.jsonl", as_bytes("other\n"));
  const std::string base = folder.begin("evil", day_one);
  for (const char* name :
       {"../up.ts", "/etc/passwd", "..", "", "keep.journal.jsonl", "deleted.journal.jsonl"}) {
    folder.note(base, journal::PartEvent{.number = 2, .file = name, .format = "mpegts"});
  }
  folder.end(base);
  EXPECT_THAT(remove(base)->files, ElementsAre(base + ".ts", base + ".journal.jsonl"));
  EXPECT_TRUE(folder.has("keep.journal.jsonl"));
}

TEST_F(RemovalTest, ItIsSaidOnStableStorageBeforeAnythingGoes) {
  const std::string base = folder.add_ended("m", day_one);
  const auto removal = planned(base);
  folder.disk.fail_writes(true);
  auto remover = Remover::open(folder.disk, folder.path, now);
  EXPECT_FALSE(remover->remove(removal, now));
  EXPECT_TRUE(folder.has(base + ".ts"));
  EXPECT_TRUE(folder.has(base + ".journal.jsonl"));
  folder.disk.fail_writes(false);
  ASSERT_TRUE(remove(removal));
  folder.disk.cut_power();
  EXPECT_EQ(account().entries.size(), 2U);
}

TEST_F(RemovalTest, WhatACrashLeftHalfwayIsFinishedByTheNextOne) {
  const std::string base = folder.add_ended("m", day_one);
  say_only(base, {base + ".ts", base + ".journal.jsonl"}, day_one);
  EXPECT_EQ(Remover::open(folder.disk, folder.path, now)->finished(), 1U);
  EXPECT_FALSE(folder.has(base + ".ts"));
  EXPECT_FALSE(folder.has(base + ".journal.jsonl"));
  EXPECT_EQ(Remover::open(folder.disk, folder.path, now)->finished(), 0U);
}

TEST_F(RemovalTest, WhatIsPutBackAfterItWasRemovedStays) {
  const std::string base = folder.add_ended("m", day_one);
  ASSERT_TRUE(remove(base));
  folder.create(base + ".ts", as_bytes("from the backup"));
  ASSERT_TRUE(Remover::open(folder.disk, folder.path, now));
  EXPECT_TRUE(folder.has(base + ".ts"));
}

TEST_F(RemovalTest, OneThatWentOnAfterTheCrashIsNoLongerTheOneThatWasToGo) {
  const std::string base = folder.begin("m", day_one);
  folder.interrupt(base);
  say_only(base, {base + ".ts", base + ".journal.jsonl"}, day_one);
  folder.lock(base);
  EXPECT_EQ(Remover::open(folder.disk, folder.path, now)->finished(), 0U) << "it is recorded: later";
  folder.wall = now;
  folder.note(base, journal::ResumedEvent{});
  folder.end(base);
  ASSERT_TRUE(Remover::open(folder.disk, folder.path, now));
  EXPECT_TRUE(folder.has(base + ".ts"));
  EXPECT_EQ(account().last<journal::RemovalDoneEvent>()->removal, 1U) << "and is not asked for again";
}

TEST_F(RemovalTest, OnlyOneRemovesAtATime) {
  const std::string base = folder.add_ended("m", day_one);
  folder.add_ended("n", day_one);
  ASSERT_TRUE(remove(base));
  const auto first = Remover::open(folder.disk, folder.path, now);
  EXPECT_EQ(Remover::open(folder.disk, folder.path, now).error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace holdfast::archive

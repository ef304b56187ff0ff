// What the folder's classes refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include "sim/sim_disk.hpp"
#include "storage/recording_files.hpp"
#include "storage/syncer.hpp"

namespace holdfast::storage {
namespace {

using namespace std::chrono_literals;

// All threads are this one.
struct StorageChecksDeathTest : testing::Test {
  StorageChecksDeathTest() { EXPECT_TRUE(disk.make_directories("/r")); }
  RecordingFiles files() { return {context, "/r", "a"}; }
  static void begin(RecordingFiles& files) { files.note(journal::StartEvent{}, {}, 0); }

  sim::SimDisk disk;
  InlineExecutor inline_executor;
  WriteBudget budget;
  StorageContext context{disk, inline_executor, inline_executor, budget, [] { return Instant{}; }};
};

TEST_F(StorageChecksDeathTest, MoreBytesAreGivenBackThanWereTaken) {
  budget.take(10);
  EXPECT_DEATH(budget.give_back(11), "CHECK");
}

TEST_F(StorageChecksDeathTest, MoreFilesAreClosedThanWereOpened) {
  WriteCadence cadence;
  EXPECT_DEATH(cadence.close(), "CHECK");
}

TEST_F(StorageChecksDeathTest, AFileIsClosedTwice) {
  FileWriter file(context, "/r/file");
  file.close({}, {});
  EXPECT_DEATH(file.close({}, {}), "CHECK");
}

TEST_F(StorageChecksDeathTest, MediaBeforeThereIsAPart) {
  RecordingFiles one = files();
  EXPECT_DEATH(one.buffer(), "CHECK");
  EXPECT_DEATH(one.commit({}), "CHECK");
  EXPECT_DEATH(static_cast<void>(one.accepts(1)), "CHECK");
}

TEST_F(StorageChecksDeathTest, AJournalThatDoesNotBeginWithTheStart) {
  RecordingFiles one = files();
  EXPECT_DEATH(one.note(journal::MarkerEvent{"m"}, {}, 0), "CHECK");
}

TEST_F(StorageChecksDeathTest, APartBehindTheEnd) {
  RecordingFiles one = files();
  begin(one);
  one.close({}, {}, 0, [](const Result<void>&) {});
  EXPECT_DEATH(one.open_part("ts", "mpegts", journal::PartReason::start, {}, 0), "CHECK");
}

TEST_F(StorageChecksDeathTest, ARecordingThatEndsTwice) {
  RecordingFiles one = files();
  begin(one);
  one.close({}, {}, 0, [](const Result<void>&) {});
  EXPECT_DEATH(one.close({}, {}, 0, [](const Result<void>&) {}), "CHECK");
}

TEST_F(StorageChecksDeathTest, NothingToSync) {
  Syncer syncer({inline_executor, inline_executor, inline_executor}, 1s, [] { return Instant{}; });
  EXPECT_DEATH(syncer.add(nullptr), "CHECK");
}

}  // namespace
}  // namespace holdfast::storage

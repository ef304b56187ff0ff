#include "control/run_records.hpp"

#include <gmock/gmock.h>

#include "sim/sim_disk.hpp"

namespace holdfast::control {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

struct RunRecordsTest : testing::Test {
  static RunRecord sample(const std::string& id) {
    RunRecord record{.recording_id = id, .source = RunRecord::Source::whip};
    record.request.mint_id = "m:1";
    record.request.token = "secret";
    EXPECT_EQ(record.request.options.set("gap_limit", "90s"), "");
    record.options = GivenOptions::all_of({.fill = false});
    return record;
  }
  RunRecords::Found take_over() {
    auto found = RunRecords(disk, "/recordings").take_over();
    EXPECT_TRUE(found.has_value());
    return found.value_or(RunRecords::Found{});
  }

  sim::SimDisk disk;
  RunRecords files{disk, "/recordings"};
};

TEST_F(RunRecordsTest, AnotherProcessFindsWhatWasRunning) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  disk.cut_power();
  const auto found = take_over();
  ASSERT_THAT(found.taken, SizeIs(1));
  const RunRecord& record = found.taken[0].record;
  EXPECT_EQ(record.recording_id, "a");
  EXPECT_EQ(record.source, RunRecord::Source::whip);
  EXPECT_EQ(record.request.mint_id, "m:1");
  EXPECT_EQ(record.request.token, "secret");
  EXPECT_EQ(record.request.options, sample("a").request.options);
  EXPECT_FALSE(record.options.over({}).fill);
}

TEST_F(RunRecordsTest, LeavesThoseOfALivingProcessAlone) {
  const auto hold = files.save(sample("a"));
  ASSERT_TRUE(hold.has_value());
  EXPECT_THAT(take_over().taken, SizeIs(0));
  disk.kill_process();
  EXPECT_THAT(take_over().taken, SizeIs(1));
}

TEST_F(RunRecordsTest, WhatHasEndedIsForgotten) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  ASSERT_TRUE(files.forget("a").has_value());
  ASSERT_TRUE(files.forget("never there").has_value());
  disk.kill_process();
  EXPECT_THAT(take_over().taken, SizeIs(0));
}

TEST_F(RunRecordsTest, OneThatIsHalfWrittenIsPutAsideAndTold) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  ASSERT_TRUE(files.save(sample("b")).has_value());
  disk.kill_process();
  ASSERT_TRUE(disk.truncate("/recordings/.holdfast/running/a.json", 20).has_value());
  const auto found = take_over();
  EXPECT_THAT(found.taken, SizeIs(1));
  ASSERT_THAT(found.problems, SizeIs(1));
  EXPECT_THAT(found.problems[0], HasSubstr("a.json"));
  EXPECT_TRUE(disk.exists("/recordings/.holdfast/running/a.json.broken"));
}

TEST_F(RunRecordsTest, NoFolderIsNothingRunning) {
  EXPECT_THAT(take_over().taken, SizeIs(0));
}

}  // namespace
}  // namespace holdfast::control

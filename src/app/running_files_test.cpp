#include "app/running_files.hpp"

#include <gmock/gmock.h>

#include "sim/sim_disk.hpp"

namespace holdfast::app {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

struct RunningFilesTest : testing::Test {
  static RunningRecording sample(const std::string& id) {
    RunningRecording running{.recording_id = id, .source = RunningRecording::Source::whip};
    running.request.mint_id = "m:1";
    running.request.token = "secret";
    running.request.gap_limit = std::chrono::seconds(90);
    return running;
  }
  RunningFiles::Found take_over() {
    auto found = RunningFiles(disk, "/recordings").take_over();
    EXPECT_TRUE(found.has_value());
    return found.value_or(RunningFiles::Found{});
  }

  sim::SimDisk disk;
  RunningFiles files{disk, "/recordings"};
};

TEST_F(RunningFilesTest, AnotherProcessFindsWhatWasRunning) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  disk.cut_power();
  const auto found = take_over();
  ASSERT_THAT(found.kept, SizeIs(1));
  const RunningRecording& running = found.kept[0].running;
  EXPECT_EQ(running.recording_id, "a");
  EXPECT_EQ(running.source, RunningRecording::Source::whip);
  EXPECT_EQ(running.request.mint_id, "m:1");
  EXPECT_EQ(running.request.token, "secret");
  EXPECT_EQ(running.request.gap_limit, std::chrono::seconds(90));
}

TEST_F(RunningFilesTest, LeavesThoseOfALivingProcessAlone) {
  const auto hold = files.save(sample("a"));
  ASSERT_TRUE(hold.has_value());
  EXPECT_THAT(take_over().kept, SizeIs(0));
  disk.kill_process();
  EXPECT_THAT(take_over().kept, SizeIs(1));
}

TEST_F(RunningFilesTest, WhatHasEndedIsForgotten) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  ASSERT_TRUE(files.forget("a").has_value());
  ASSERT_TRUE(files.forget("never there").has_value());
  disk.kill_process();
  EXPECT_THAT(take_over().kept, SizeIs(0));
}

TEST_F(RunningFilesTest, OneThatIsHalfWrittenIsPutAsideAndTold) {
  ASSERT_TRUE(files.save(sample("a")).has_value());
  ASSERT_TRUE(files.save(sample("b")).has_value());
  disk.kill_process();
  ASSERT_TRUE(disk.truncate("/recordings/.holdfast/running/a.json", 20).has_value());
  const auto found = take_over();
  EXPECT_THAT(found.kept, SizeIs(1));
  ASSERT_THAT(found.problems, SizeIs(1));
  EXPECT_THAT(found.problems[0], HasSubstr("a.json"));
  EXPECT_TRUE(disk.exists("/recordings/.holdfast/running/a.json.broken"));
}

TEST_F(RunningFilesTest, NoFolderIsNothingRunning) {
  EXPECT_THAT(take_over().kept, SizeIs(0));
}

}  // namespace
}  // namespace holdfast::app

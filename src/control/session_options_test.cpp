#include "control/session_options.hpp"

#include <gtest/gtest.h>

#include "control/run_records.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

std::map<std::string, std::string, std::less<>> texts(const RecordingOptions& options) {
  return GivenOptions::all_of(options).texts();
}

// Only what the request gave was saved; the rest came from the configuration of the day.
TEST(SessionOptions, AResumedRecordingKeepsThoseThatItBeganWith) {
  sim::SimDisk disk;
  RunRecords files(disk, "/recordings");
  ASSERT_TRUE(
      files.save({.recording_id = "m-1", .request = {.mint_id = "m"}, .options = GivenOptions::all_of({})}));
  disk.kill_process();
  const auto found = files.take_over();
  ASSERT_TRUE(found && found->taken.size() == 1);
  const RecordingOptions of_today{
      .format = container::Format::mkv, .fill = false, .recovery_window = 700ms, .keyframe_interval = 9s};
  const RecordingOptions resumed = found->taken[0].record.options.over(of_today);
  EXPECT_EQ(texts(resumed), texts({}));

  const auto before = make_session_options({}, {});
  const auto after = make_session_options(resumed, {});
  EXPECT_EQ(after.output.format, before.output.format);
  EXPECT_EQ(after.output.fill, before.output.fill);
  EXPECT_EQ(after.output.hold_off, before.output.hold_off);
  EXPECT_EQ(after.keyframe_interval, before.keyframe_interval);
}

}  // namespace
}  // namespace holdfast::control

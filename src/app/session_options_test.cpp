#include "app/session_options.hpp"

#include <gtest/gtest.h>

#include "app/run_records.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;

Config other_config() {
  Config config;
  config.format = container::Format::mkv;
  config.audio = recording::AudioMode::copy;
  config.video_quality = recording::VideoQuality::low;
  config.damage = recording::DamageMode::drop;
  config.gap_limit = 5s;
  config.mute_limit = 6s;
  config.part_duration = 7s;
  config.part_size = {8 << 20};
  return config;
}

// Only what the request gave was saved; the rest came from the configuration of the day.
TEST(SessionOptions, AResumedRecordingKeepsThoseThatItBeganWith) {
  const Config config;
  const auto begun = complete({.mint_id = "m"}, config);
  const auto before = make_session_options(begun, config);

  sim::SimDisk disk;
  RunRecords files(disk, "/recordings");
  ASSERT_TRUE(files.save({.recording_id = "m-1", .request = begun}));
  disk.kill_process();
  const auto found = files.take_over();
  ASSERT_TRUE(found && found->taken.size() == 1);
  const auto resumed = complete(found->taken[0].record.request, other_config());
  const auto after = make_session_options(resumed, other_config());

  EXPECT_EQ(after.output.format, before.output.format);
  EXPECT_EQ(after.output.audio, before.output.audio);
  EXPECT_EQ(after.output.part_duration, before.output.part_duration);
  EXPECT_EQ(after.output.part_size, before.output.part_size);
  EXPECT_EQ(after.damage, before.damage);
  EXPECT_EQ(after.gap_limit, before.gap_limit);
  EXPECT_EQ(after.mute_limit, before.mute_limit);
  EXPECT_EQ(resumed.video_quality, recording::VideoQuality::high);
}

TEST(SessionOptions, TheRequestComesBeforeTheConfiguration) {
  api::StartRequest request{.mint_id = "m"};
  request.format = container::Format::mp4;
  request.gap_limit = 90s;
  const auto all = complete(request, other_config());
  EXPECT_EQ(all.format, container::Format::mp4);
  EXPECT_EQ(all.gap_limit, 90s);
  EXPECT_EQ(all.mute_limit, 6s);
  EXPECT_EQ(all.video_quality, recording::VideoQuality::low);
}

}  // namespace
}  // namespace holdfast::app

#include "control/recording_options.hpp"

#include <gtest/gtest.h>

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

// Differs from the defaults in every option.
const RecordingOptions other{.format = container::Format::mkv,
                             .audio = recording::AudioMode::copy,
                             .video_quality = recording::VideoQuality::low,
                             .damage = recording::DamageMode::drop,
                             .fill = false,
                             .track_wait = 4s,
                             .gap_limit = 5s,
                             .mute_limit = 6s,
                             .recovery_window = 700ms,
                             .keyframe_interval = 9s,
                             .part_duration = 7s,
                             .part_size = {8 << 20}};

std::map<std::string, std::string, std::less<>> texts(const RecordingOptions& options) {
  return GivenOptions::all_of(options).texts();
}

TEST(RecordingOptions, EveryOptionIsWrittenAndReadBack) {
  const auto defaults = texts({}), others = texts(other);
  ASSERT_EQ(defaults.size(), recording_options().size());
  for (const auto& [name, text] : defaults) EXPECT_NE(text, others.at(name)) << name << " is not tested";
  EXPECT_EQ(texts(GivenOptions::all_of(other).over({})), others);
  EXPECT_EQ(texts(GivenOptions::all_of({}).over(other)), defaults);
}

TEST(RecordingOptions, AValueOutOfRangeIsRefusedWithTheRule) {
  GivenOptions options;
  EXPECT_EQ(options.set("gap_limit", "500ms"), "must be 1s or more, or 0");
  EXPECT_EQ(options.set("gap_limit", "never"),
            "must be a duration such as 250ms, 1.5s, 2m or 1h, at most 30d");
  EXPECT_EQ(options.set("recovery_window", "11s"), "must be 10s or less");
  EXPECT_EQ(options.set("part_size", "1kB"), "must be 1MiB or more, or 0");
  EXPECT_EQ(options.set("format", "avi"), "must be mpegts, mp4 or mkv");
  EXPECT_EQ(options.set("audio", ""), "must be aac or copy");
  EXPECT_TRUE(options.texts().empty());
  EXPECT_EQ(options.set("gap_limit", "0"), "");
  EXPECT_EQ(options.set("gap_limit", "1.5s"), "");
  EXPECT_EQ(*options.find("gap_limit"), "1.5s");
}

TEST(RecordingOptions, TheRequestComesBeforeTheConfiguration) {
  GivenOptions request;
  ASSERT_EQ(request.set("format", "mp4"), "");
  ASSERT_EQ(request.set("gap_limit", "90s"), "");
  auto expected = texts(other);
  expected["format"] = "mp4";
  expected["gap_limit"] = "90s";
  EXPECT_EQ(texts(request.over(other)), expected);
}

}  // namespace
}  // namespace holdfast::control

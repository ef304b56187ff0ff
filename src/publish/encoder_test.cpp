#include "publish/encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace holdfast::publish {
namespace {

using namespace std::chrono_literals;
using media::Codec;

constexpr int frames_per_second = 10;

VideoSettings small_picture(Codec codec, Duration keyframe_interval) {
  return {.codec = codec,
          .width = 160,
          .height = 90,
          .frames_per_second = frames_per_second,
          .bits_per_second = 100'000,
          .keyframe_interval = keyframe_interval};
}

// Encodes `count` pictures, asking for a key frame at number `asked`; gives the numbers of the key frames.
std::vector<int> key_frames(const VideoSettings& settings, int count, int asked = -1) {
  auto encoder = VideoEncoder::open(settings).value();
  Picture picture(settings.width, settings.height);
  std::vector<int> keys;
  for (int i = 0; i < count; ++i) {
    draw_test_picture(picture, static_cast<std::uint64_t>(i), i * 100ms, {});
    const auto wanted = i == asked ? media::Picture::key : media::Picture::delta;
    const auto frame = encoder.encode(picture, static_cast<std::uint64_t>(i), wanted).value();
    EXPECT_FALSE(frame.payload.empty());
    EXPECT_EQ(frame.time, i * media::ticks_per_second / frames_per_second);
    if (frame.picture == media::Picture::key) keys.push_back(i);
  }
  return keys;
}

class VideoEncoderTest : public testing::TestWithParam<Codec> {};

TEST_P(VideoEncoderTest, GivesKeyFramesOnTheInterval) {
  EXPECT_EQ(key_frames(small_picture(GetParam(), 1s), 25), (std::vector{0, 10, 20}));
}

TEST_P(VideoEncoderTest, WithoutIntervalTheFirstFrameAloneIsKey) {
  EXPECT_EQ(key_frames(small_picture(GetParam(), 0s), 50), std::vector{0});
}

TEST_P(VideoEncoderTest, GivesAKeyFrameWhenAsked) {
  EXPECT_EQ(key_frames(small_picture(GetParam(), 0s), 20, 7), (std::vector{0, 7}));
}

TEST_P(VideoEncoderTest, AskedKeyFramesCountForTheInterval) {
  EXPECT_EQ(key_frames(small_picture(GetParam(), 1s), 20, 7), (std::vector{0, 7, 17}));
}

INSTANTIATE_TEST_SUITE_P(Codecs, VideoEncoderTest, testing::Values(Codec::h264, Codec::vp8),
                         [](const auto& tested) { return std::string(media::to_string(tested.param)); });

TEST(VideoEncoder, SaysWhatItDoesNotTake) {
  VideoSettings settings = small_picture(Codec::h264, 1s);
  settings.width = 0;
  const auto encoder = VideoEncoder::open(settings);
  ASSERT_FALSE(encoder.has_value());
  EXPECT_EQ(encoder.error().code, ErrorCode::invalid);
}

TEST(OpusEncoder, MakesOnePacketOf20MsAFrame) {
  auto encoder = OpusEncoder::open(96'000).value();
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto frame = encoder.encode(test_tone(i), i).value();
    EXPECT_EQ(frame.codec, Codec::opus);
    EXPECT_EQ(frame.time, static_cast<media::Ticks>(i) * 1800);
    EXPECT_GT(frame.payload.size(), 10u);
  }
}

int brightness_below(const Picture& picture) {
  const auto last_row = picture.y.end() - picture.width;
  return std::accumulate(last_row, picture.y.end(), 0) / picture.width;
}

float loudness(std::uint64_t frame) {
  const std::vector<float> samples = test_tone(frame);
  return *std::ranges::max_element(samples);
}

TEST(TestPicture, FlashesWhileTheToneBeeps) {
  constexpr int tone_frames_per_second = 50;
  Picture picture(160, 90);
  int flashes = 0;
  for (std::uint64_t i = 0; i < 3 * tone_frames_per_second; ++i) {
    draw_test_picture(picture, i, i * 20ms, {});
    const bool flash = brightness_below(picture) > 220;
    EXPECT_EQ(flash, loudness(i) > 0.3f) << "at " << i * 20 << " ms";
    flashes += flash;
  }
  EXPECT_EQ(flashes, 3 * 5);
}

TEST(TestPicture, FitsWhateverEvenSizeThereIs) {
  for (const auto& [width, height] : {std::pair{16, 16}, {1920, 1080}, {4096, 16}, {16, 4096}}) {
    Picture picture(width, height);
    draw_test_picture(picture, 12'345, 100h, WallTime::max());
    EXPECT_EQ(std::ranges::count(picture.y, 0), 0);  // every pixel was drawn: black is 16
  }
}

}  // namespace
}  // namespace holdfast::publish

#include "container/export.hpp"

#include <gmock/gmock.h>

#include "container/test_judges.hpp"
#include "container/test_media.hpp"

namespace holdfast::container::test {
namespace {

constexpr Ticks second_of_time = media::ticks_per_second;

class Export : public JudgedTest {
 protected:
  std::string record(Format format, const Recording& recording) {
    return save("in." + std::string(file_extension(format)), mux(format, recording).bytes);
  }
  Result<ExportReport> run_export(const std::string& input) { return export_mp4(input, path("out.mp4")); }
  void expect_good_mp4(double seconds) const {
    EXPECT_EQ(decode(path("out.mp4")), "");
    for (const char* stream : {"v:0", "a:0"}) {
      const auto fields = probe(path("out.mp4"), stream);
      EXPECT_NEAR(number(fields, "duration"), seconds, 0.06) << stream;
      EXPECT_NEAR(number(fields, "start_time"), 0, 0.06) << stream;
    }
    EXPECT_FALSE(std::filesystem::exists(path("out.mp4.partial")));
  }
  static Recording picture_and_sound(Codec video, Codec audio, int seconds = 3) {
    return combine({encode_video(video, {.count = 30 * seconds}), encode_audio(audio, seconds)});
  }
  // Where a box lies in the file.
  std::size_t find_box(const std::string& type) const {
    std::ifstream file(path("out.mp4"), std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(file)), {});
    return all.find(type);
  }
};

TEST_F(Export, TakesEveryFormat) {
  for (const Format format : {Format::mpegts, Format::mkv, Format::mp4}) {
    for (const Codec audio : {Codec::aac, Codec::opus}) {
      SCOPED_TRACE(std::string(to_string(format)) + " with " + std::string(media::to_string(audio)));
      const Recording recording = picture_and_sound(Codec::h264, audio);
      const auto report = export_mp4(record(format, recording), path("out.mp4"), Existing::replace);
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->video_frames, 90U);
      EXPECT_EQ(report->audio_frames, recording.count(audio));
      EXPECT_EQ(report->damaged, 0U);
      EXPECT_EQ(report->bytes, std::filesystem::file_size(path("out.mp4")));
      EXPECT_NEAR(to_seconds(report->duration), 3, 0.06);
      expect_good_mp4(3);
      EXPECT_LT(find_box("moov"), find_box("mdat"));
    }
  }
}

TEST_F(Export, TakesWhatAGrowingFileHas) {
  for (const Format format : {Format::mpegts, Format::mkv, Format::mp4}) {
    SCOPED_TRACE(to_string(format));
    const Muxed muxed = mux(format, picture_and_sound(Codec::h264, Codec::aac));
    const std::string file = save("cut", Bytes(muxed.bytes).first(muxed.bytes.size() * 2 / 3 + 77));
    const auto report = export_mp4(file, path("out.mp4"), Existing::replace);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_NEAR(to_seconds(report->duration), 2, 0.5);
    EXPECT_NEAR(number(probe(path("out.mp4"), "v:0"), "duration"), 2, 0.5);
    // Only in MPEG-TS does nothing say how long the last picture should have been.
    if (format != Format::mpegts) {
      EXPECT_EQ(decode(path("out.mp4")), "");
    }
  }
}

TEST_F(Export, KeepsAGapInEverything) {
  for (const Format format : {Format::mpegts, Format::mkv, Format::mp4}) {
    SCOPED_TRACE(to_string(format));
    Recording recording = picture_and_sound(Codec::h264, Codec::aac);
    recording.shift(30 * second_of_time, 2 * second_of_time);
    ASSERT_TRUE(export_mp4(record(format, recording), path("out.mp4"), Existing::replace));
    expect_good_mp4(33);
  }
}

TEST_F(Export, GoesThroughTheWrapOfMpegTs) {
  Recording recording = picture_and_sound(Codec::h264, Codec::aac);
  recording.shift((Ticks{1} << 33) - 2 * second_of_time);
  ASSERT_TRUE(run_export(record(Format::mpegts, recording)));
  expect_good_mp4(3);
}

TEST_F(Export, ASoundAloneIsAnMp4Too) {
  const Recording recording = combine({encode_audio(Codec::aac, 2)});
  const auto report = run_export(record(Format::mpegts, recording));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(decode(path("out.mp4")), "");
  EXPECT_NEAR(number(probe(path("out.mp4"), "a:0"), "duration"), 2, 0.05);
}

TEST_F(Export, NeverOverwritesUnlessTold) {
  const std::string input = record(Format::mkv, picture_and_sound(Codec::h264, Codec::aac, 1));
  save("out.mp4", as_bytes("precious"));
  const auto kept = run_export(input);
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ErrorCode::conflict);
  EXPECT_EQ(std::filesystem::file_size(path("out.mp4")), 8U);
  EXPECT_TRUE(export_mp4(input, path("out.mp4"), Existing::replace));
  EXPECT_EQ(decode(path("out.mp4")), "");
}

TEST_F(Export, LeavesNothingBehindWhenItFails) {
  const auto expect_failure = [&](const std::string& input, ErrorCode code,
                                  const ExportProgress& progress = {}) {
    const auto report = export_mp4(input, path("out.mp4"), Existing::keep, progress);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, code) << report.error().message;
    EXPECT_FALSE(std::filesystem::exists(path("out.mp4")));
    EXPECT_FALSE(std::filesystem::exists(path("out.mp4.partial")));
  };
  expect_failure(path("nowhere.ts"), ErrorCode::not_found);
  expect_failure(save("text.ts", as_bytes("this is no recording")), ErrorCode::invalid);
  expect_failure(record(Format::mkv, picture_and_sound(Codec::vp8, Codec::opus, 1)), ErrorCode::unsupported);
  expect_failure(record(Format::mpegts, picture_and_sound(Codec::h264, Codec::aac, 1)),
                 ErrorCode::unavailable, [](double) { return false; });
}

TEST_F(Export, TellsHowFarItIs) {
  double last = -1;
  const auto progress = [&](double done) {
    EXPECT_GT(done, last);
    last = done;
    return true;
  };
  const std::string input = record(Format::mpegts, picture_and_sound(Codec::h264, Codec::aac));
  ASSERT_TRUE(export_mp4(input, path("out.mp4"), Existing::keep, progress));
  EXPECT_GT(last, 0.9);
}

}  // namespace
}  // namespace holdfast::container::test

#include "audit/inspect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "audit/recording_maker_test.hpp"

namespace holdfast::audit {
namespace {

constexpr media::Ticks second = 90'000;

using namespace test;
using testing::HasSubstr;

Inspection inspect_made(MadeRecording& made, const std::string& path = MadeRecording::journal_path) {
  const auto targets = find_targets(made.disk(), path);
  EXPECT_TRUE(targets);
  auto found = inspect(made.disk(), targets->at(0));
  EXPECT_TRUE(found) << found.error().message;
  return *std::move(found);
}

TEST(Inspect, TellsWhatTheJournalTells) {
  MadeRecording made(Plan{.gap = true}, 1);
  const Inspection found = inspect_made(made);
  EXPECT_EQ(found.state, "ended");
  EXPECT_EQ(found.durable_bytes, found.bytes);
  const std::string text = to_text(found, 80, Charset::ascii);
  EXPECT_THAT(text, HasSubstr("ended: stopped"));
  EXPECT_THAT(text, HasSubstr("h264 160x120"));
  EXPECT_THAT(text, HasSubstr("opus written as aac, 48000 Hz, 2 channels"));
  EXPECT_THAT(text, HasSubstr("gaps       1,"));
  EXPECT_THAT(text, HasSubstr("s, left"));
}

TEST(Inspect, AFileWithoutJournalTellsOfItself) {
  for (const Format format : {Format::mpegts, Format::mp4, Format::mkv}) {
    MadeRecording made(Plan{.format = format, .audio = Codec::opus, .gap = true}, 1);
    const std::string path = "r/alone." + std::string(container::file_extension(format));
    made.replace(path, made.disk().content(made.parts()[0]));
    const Inspection found = inspect_made(made, path);
    EXPECT_EQ(found.state, "no journal");
    const std::string text = to_text(found, 80, Charset::ascii);
    EXPECT_THAT(text, HasSubstr("h264 160x120, 120 frames, 8 key frames"));
    EXPECT_THAT(text, HasSubstr("opus, 48000 Hz, 2 channels"));
    EXPECT_THAT(text, HasSubstr("gaps       1,"));
  }
}

TEST(Inspect, JsonHasTheSame) {
  MadeRecording made(Plan{.gap = true, .mute = true}, 1);
  const auto json = boost::json::parse(to_json(inspect_made(made)));
  EXPECT_EQ(json.at("mint_id"), "m");
  EXPECT_EQ(json.at("gaps").as_array().size(), 1u);
  EXPECT_EQ(json.at("tracks").as_array().size(), 2u);
  EXPECT_EQ(json.at("tracks").at(1).at("mutes").as_array().size(), 1u);
  EXPECT_EQ(json.at("tracks").at(0).at("ledger").at("expected").as_int64(),
            json.at("tracks").at(0).at("ledger").at("written").as_int64() + 2);
}

TEST(GapBar, ShowsWhereTheGapsAre) {
  Inspection found;
  found.first = 90'000;
  found.last = found.first + 10 * second;
  found.gaps = {{{found.first + 2 * second, found.first + 4 * second}, "left"},
                {{found.first + 7 * second, found.first + 7 * second + second / 2}, "left"}};
  EXPECT_EQ(gap_bar(found, 10, Charset::ascii), "##..###+##");
  EXPECT_EQ(gap_bar(found, 10, Charset::utf8), "██··███▄██");
}

TEST(GapBar, ShowsMutes) {
  Inspection found;
  found.first = 0;
  found.last = 4 * second;
  found.journal.emplace();
  found.journal->tracks[1].mutes = {{second, 3 * second}};
  EXPECT_EQ(gap_bar(found, 4, Charset::ascii), "#mm#");
}

TEST(Drift, IsTheRtpClockAgainstTheWallClock) {
  journal::TrackState track;
  track.format = journal::TrackEvent{.kind = "video"};
  track.first_anchor = journal::AnchorEvent{0, 1000, std::uint64_t{5000} << 32, 90'000};
  track.last_anchor = journal::AnchorEvent{0, 1000 + 90'009'000, std::uint64_t{6000} << 32, 90'000};
  EXPECT_NEAR(*drift_ppm(track), 100, 0.01);
  track.last_anchor->ntp = std::uint64_t{5005} << 32;
  EXPECT_FALSE(drift_ppm(track));
}

TEST(Sound, IsBehindByWhatTheAnchorsSay) {
  journal::State journal;
  journal.tracks[0].last_anchor = journal::AnchorEvent{0, 0, std::uint64_t{5000} << 32, 90'000};
  journal.tracks[1].last_anchor =
      journal::AnchorEvent{1, 0, std::uint64_t{5001} << 32, 90'000 + 90'000 + 900};
  EXPECT_NEAR(*sound_behind_ms(journal), 10, 0.01);
}

}  // namespace
}  // namespace holdfast::audit

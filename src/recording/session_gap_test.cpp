#include "codec/opus.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST_F(SessionTest, AnnouncedMuteIsNoGap) {
  connect();
  announce(Kind::video, false);
  announce(Kind::audio, false);
  play_both();
  run_for(2s);
  announce(Kind::video, true);
  announce(Kind::audio, true);
  stop_both();
  run_for(90s);
  EXPECT_EQ(state(), State::recording);
  EXPECT_EQ(recorder().limit_reached, std::nullopt);
  announce(Kind::audio, false);
  announce(Kind::video, false);
  play_both();
  run_for(2s);
  finish();
  EXPECT_THAT(events<journal::GapEvent>(), IsEmpty());
  EXPECT_THAT(events<journal::MuteEvent>(), SizeIs(4));
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
}

TEST_F(SessionTest, AGapIsAGapInTheTimelineAndInTheJournal) {
  connect();
  play_both();
  run_for(5s);
  stop_both();
  run_for(3s);
  EXPECT_EQ(state(), State::gap);
  run_for(7s);
  play_both();
  run_for(5s);
  EXPECT_EQ(state(), State::recording);
  finish();
  EXPECT_NEAR(seconds(file().video().longest_step()), 10, 0.1);
  EXPECT_NEAR(seconds(file().audio().longest_step()), 10, 0.15);
  const auto gaps = events<journal::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_NEAR(seconds(gaps[0].to_pts - gaps[0].from_pts), 10, 0.1);
  EXPECT_NEAR(seconds(gaps[0].from_pts - file().video().packets.front().pts), 5, 0.1);
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
}

TEST_F(SessionTest, AGapKnowsItsCauseAndItsLength) {
  connect();
  announce(Kind::video, false);
  announce(Kind::audio, false);
  play_both();
  run_for(5s);
  // The server dies; its room comes back before its publisher does.
  stop_both();
  session().suspect(GapCause::server);
  run_for(4s);
  EXPECT_EQ(status().gap_cause, "server");
  session().suspect(GapCause::network);
  for (const Kind kind : {Kind::video, Kind::audio}) session().announce(clock.both(), kind, nullptr);
  run_for(3s);
  EXPECT_NEAR(to_seconds(status().gap_time), 7, 0.05);
  announce(Kind::video, false);
  announce(Kind::audio, false);
  play_both();
  run_for(5s);
  // The publisher takes its tracks away.
  stop_both();
  for (const Kind kind : {Kind::video, Kind::audio}) session().announce(clock.both(), kind, nullptr);
  run_for(20s);
  announce(Kind::video, false);
  announce(Kind::audio, false);
  play_both();
  run_for(5s);
  // Nothing is known.
  stop_both();
  run_for(3s);
  play_both();
  run_for(1s);
  finish();
  const auto gaps = events<journal::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(3));
  const std::array causes{"server", "left", "network"};
  const std::array lengths{7.0, 20.0, 3.0};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(gaps[i].cause, causes[i]);
    EXPECT_NEAR(seconds(gaps[i].to_pts - gaps[i].from_pts), lengths[i], 0.05);
  }
  EXPECT_EQ(status().gaps, 3u);
  EXPECT_NEAR(to_seconds(status().gap_time), 30, 0.1);
}

publish::EncodedFrame server_silence() {
  publish::EncodedFrame frame;
  frame.codec = media::Codec::opus;
  frame.payload.assign(codec::opus_padded_silence.begin(), codec::opus_padded_silence.end());
  return frame;
}

TEST_F(SessionTest, SilenceThatTheServerMakesUpNeitherEndsAGapNorIsRecorded) {
  connect();
  play_both();
  run_for(5s);
  stop_both();
  run_for(15s);
  // The server notices that the publisher is gone.
  for (int i = 0; i < 10; ++i) {
    studio().send_now(server_silence());
    run_for(20ms);
  }
  EXPECT_EQ(state(), State::gap);
  run_for(10s);
  EXPECT_NEAR(to_seconds(status().gap_time), 25.2, 0.05);
  finish();
  EXPECT_THAT(events<journal::GapEvent>(), SizeIs(1));
  EXPECT_EQ(packets(Kind::audio).dropped, 10u);
  EXPECT_EQ(packets(Kind::audio).pending, 0u);
}

TEST_F(SessionTest, SilenceOfThePublishersOwnIsKept) {
  options.output.audio = AudioMode::copy;
  connect();
  play_both();
  run_for(2s);
  studio().stop(Kind::audio);
  for (int i = 0; i < 30; ++i) {
    studio().send_now(server_silence());
    run_for(20ms);
  }
  play(Kind::audio);
  run_for(1s);
  finish();
  EXPECT_EQ(packets(Kind::audio).dropped, 0u);
  EXPECT_EQ(packets(Kind::audio).written, studio().sent(Kind::audio).size());
}

TEST_F(SessionTest, MuteEndsNothingUnlessItsLimitSaysSo) {
  options.mute_limit = 10min;
  connect();
  play_both();
  run_for(2s);
  stop_both();
  announce(Kind::video, true);
  announce(Kind::audio, true);
  run_for(599s);
  EXPECT_EQ(recorder().limit_reached, std::nullopt);
  EXPECT_EQ(status().gaps, 0u);
  run_for(2s);
  EXPECT_EQ(recorder().limit_reached, journal::EndReason::mute_limit);
}

TEST_F(SessionTest, FiftyNineSecondsOfSilenceAreSurvived) {
  connect();
  play_both();
  run_for(2s);
  stop_both();
  run_for(59s);
  EXPECT_EQ(recorder().limit_reached, std::nullopt);
  play_both();
  run_for(2s);
  EXPECT_EQ(state(), State::recording);
  finish();
  EXPECT_NEAR(seconds(file().video().longest_step()), 59, 0.1);
  EXPECT_THAT(status().output_paths, SizeIs(1));
}

TEST_F(SessionTest, SixtyOneSecondsOfSilenceReachTheGapLimit) {
  connect();
  play_both();
  run_for(2s);
  stop_both();
  run_for(61s);
  EXPECT_EQ(recorder().limit_reached, journal::EndReason::gap_limit);
  finish(journal::EndReason::gap_limit);
  const auto gaps = events<journal::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_NEAR(seconds(gaps[0].to_pts - gaps[0].from_pts), 61, 0.1);
  EXPECT_EQ(events<journal::EndEvent>().at(0).reason, journal::EndReason::gap_limit);
  EXPECT_NEAR(events<journal::EndEvent>().at(0).duration, 2, 0.1);
}

}  // namespace
}  // namespace holdfast::recording

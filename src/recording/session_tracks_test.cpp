#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::SizeIs;

constexpr media::Ticks aac_frame = 1920;

TEST_F(SessionTest, SoundThatComesLateFindsItsTrackSilentSoFar) {
  connect();
  play(Kind::video);
  run_for(10s);
  play(Kind::audio);
  run_for(5s);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
  const MediaFile recorded = file();
  EXPECT_LE(seconds(recorded.audio().packets.front().pts - recorded.video().packets.front().pts), 0.1);
  EXPECT_LE(recorded.audio().longest_step(), 2 * aac_frame);
  EXPECT_NEAR(seconds(recorded.audio().packets.back().pts - recorded.audio().packets.front().pts), 15, 0.1);
  const auto fills = events<journal::FillEvent>();
  ASSERT_FALSE(fills.empty());
  EXPECT_THAT(fills, Each(Field(&journal::FillEvent::track, journal_track(Kind::audio))));
  EXPECT_NEAR(seconds(fills.back().to_pts - fills.front().from_pts), 10, 0.1);
}

TEST_F(SessionTest, AVideoRecordingWithoutSoundHasASilentAudioTrack) {
  connect(Tracks::video);
  play(Kind::video);
  run_for(10s);
  finish();
  const MediaFile recorded = file();
  EXPECT_TRUE(pictures_of(recorded.video()) == sent_pictures());
  EXPECT_EQ(recorded.audio().codec, AV_CODEC_ID_AAC);
  EXPECT_LE(recorded.audio().longest_step(), aac_frame);
  EXPECT_GE(seconds(recorded.audio().packets.back().pts - recorded.audio().packets.front().pts), 7.5);
}

TEST_F(SessionTest, AHoleInTheVideoRepeatsItsLastKeyFrame) {
  connect();
  play_both();
  run_for(5s);
  studio().stop(Kind::video);
  run_for(30s);
  play(Kind::video);
  run_for(5s);
  finish();
  const MediaFile recorded = file();
  EXPECT_LE(seconds(recorded.video().longest_step()), 5.1);
  EXPECT_GE(track_status(Kind::video).filler_frames, 5u);
  EXPECT_GE(recorded.video().packets.size(), studio().sent(Kind::video).size() + 5);
}

TEST_F(SessionTest, VideoThatComesLateBeginsASecondPart) {
  connect();
  play(Kind::audio);
  run_for(10s);
  EXPECT_EQ(state(), State::recording);
  play(Kind::video);
  run_for(5s);
  finish();
  ASSERT_THAT(status().output_paths, SizeIs(2));
  EXPECT_FALSE(file(0).has(AVMEDIA_TYPE_VIDEO));
  EXPECT_TRUE(pictures_of(file(1).video()) == sent_pictures());
  EXPECT_TRUE(file(1).has(AVMEDIA_TYPE_AUDIO));
  const auto parts = events<journal::PartEvent>();
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[0].reason, journal::PartReason::start);
  EXPECT_EQ(parts[1].reason, journal::PartReason::late_video);
  // One timeline over both.
  EXPECT_NEAR(seconds(file(1).video().packets.front().pts - file(0).audio().packets.front().pts), 10, 0.1);
}

TEST_F(SessionTest, SoundAloneBeginsSoonerWhenNoPictureIsAnnounced) {
  connect();
  announce(Kind::audio, false);
  session().announce(clock.both(), Kind::video, nullptr);
  play(Kind::audio);
  run_for(1500ms);
  EXPECT_EQ(state(), State::recording);
  finish();
  EXPECT_NEAR(seconds(file().audio().packets.back().pts - file().audio().packets.front().pts), 1.5, 0.1);
  EXPECT_EQ(packets(Kind::audio).expected, packets(Kind::audio).written);
}

TEST_F(SessionTest, SoundBeforeThePictureIsKeptInTheSamePart) {
  connect();
  play(Kind::audio);
  run_for(800ms);
  play(Kind::video);
  run_for(3s);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
  EXPECT_NEAR(seconds(file().video().packets.front().pts - file().audio().packets.front().pts), 0.8, 0.1);
  EXPECT_EQ(packets(Kind::audio).expected, packets(Kind::audio).written);
}

TEST_F(SessionTest, ShortSoundAloneIsKeptThoughThePictureNeverCame) {
  connect();
  play(Kind::audio);
  run_for(700ms);
  finish();
  EXPECT_NEAR(seconds(file().audio().packets.back().pts - file().audio().packets.front().pts), 0.7, 0.1);
}

TEST_F(SessionTest, MutedTracksAreWaitedFor) {
  connect();
  announce(Kind::video, true);
  announce(Kind::audio, true);
  run_for(120s);
  EXPECT_EQ(state(), State::connecting);
  EXPECT_EQ(recorder().limit_reached, std::nullopt);
  EXPECT_FALSE(first_byte_at().has_value());
  announce(Kind::video, false);
  play(Kind::video);
  run_for(2s);
  EXPECT_EQ(state(), State::recording);
  finish();
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
}

TEST_F(SessionTest, APublisherWhoComesBackGoesOnInTheSameFile) {
  connect();
  play_both();
  run_for(5s);
  stop_both();
  studio().publisher.close(studio().out);
  run_for(4s);
  EXPECT_THAT(recorder().lost_because, HasSubstr("closed"));
  EXPECT_EQ(state(), State::gap);
  connect();
  play_both();
  run_for(5s);
  EXPECT_EQ(state(), State::recording);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
  EXPECT_THAT(events<journal::ReconnectEvent>(), SizeIs(1));
  EXPECT_THAT(events<journal::GapEvent>(), SizeIs(1));
  EXPECT_NEAR(seconds(file().video().longest_step()), 4.2, 0.3);
  EXPECT_EQ(packets(Kind::video).expected, packets(Kind::video).written);
}

TEST_F(SessionTest, AnotherResolutionGoesOnInTheSameTransportStream) {
  static const Footage larger = make_footage({.width = 320, .height = 180});
  connect();
  play_both();
  run_for(3s);
  studio().change_footage(larger);
  run_for(3s);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
  EXPECT_EQ(track_status(Kind::video).width, 320);
  const auto tracks = events<journal::TrackEvent>();
  ASSERT_THAT(tracks, SizeIs(3));
  EXPECT_EQ(tracks[2].width, 320);
}

TEST_F(SessionTest, AnotherResolutionBeginsANewPartWhereTheContainerMust) {
  static const Footage larger = make_footage({.width = 320, .height = 180});
  options.output.format = container::Format::mp4;
  connect();
  play_both();
  run_for(3s);
  studio().change_footage(larger);
  run_for(3s);
  finish();
  ASSERT_THAT(status().output_paths, SizeIs(2));
  EXPECT_EQ(file(0).video().width, 160);
  EXPECT_EQ(file(1).video().width, 320);
  EXPECT_EQ(file(0).video().packets.size() + file(1).video().packets.size(),
            studio().sent(Kind::video).size());
  EXPECT_EQ(events<journal::PartEvent>().back().reason, journal::PartReason::video_format);
}

TEST_F(SessionTest, TheBlankTailOfATrackIsNotRecorded) {
  static const Footage blank = make_footage({.width = 2, .height = 2, .frames_per_second = 10});
  connect();
  play_both();
  run_for(3s);
  const std::size_t real = studio().sent(Kind::video).size();
  studio().stop(Kind::video);
  run_for(100ms);
  for (std::size_t i = 0; i < 3; ++i) studio().send_now(blank.video[0]);
  run_for(1s);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
  EXPECT_EQ(file().video().packets.size(), real);
  EXPECT_EQ(packets(Kind::video).dropped, 3u);
}

}  // namespace
}  // namespace holdfast::recording

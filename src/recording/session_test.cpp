#include "recording/session_test.hpp"

#include "codec/opus.hpp"

namespace holdfast::recording {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr media::Ticks aac_frame = 1920;

double seconds(media::Ticks ticks) {
  return static_cast<double>(ticks) / media::ticks_per_second;
}

// --- At once, and always whole

TEST_F(SessionTest, BytesAreOnTheDiskWithin100MsOfTheFirstKeyFrame) {
  connect();
  play_both();
  run_for(1s);
  ASSERT_TRUE(first_byte_at().has_value());
  EXPECT_LE(*first_byte_at() - *studio().first_key_frame(), 100ms);
  EXPECT_EQ(state(), State::recording);
}

TEST_F(SessionTest, TheFileGrowsAtLeastEvery150Ms) {
  connect();
  play_both();
  run_for(10s);
  EXPECT_LE(longest_standstill(), 150ms);
}

TEST_F(SessionTest, EveryFrameFromTheFirstKeyFrameOnIsInTheFile) {
  connect();
  play_both();
  run_for(10s);
  finish();
  const MediaFile recorded = file();
  EXPECT_TRUE(pictures_of(recorded.video()) == sent_pictures());
  EXPECT_EQ(recorded.video().packets.front().key, true);
  EXPECT_EQ(recorded.video().longest_step(), media::ticks_per_second / 30);
  EXPECT_EQ(recorded.audio().longest_step(), aac_frame);
  EXPECT_NEAR(seconds(recorded.audio().packets.back().pts - recorded.audio().packets.front().pts), 10, 0.1);
  for (const Kind kind : {Kind::video, Kind::audio}) {
    const PacketCounts counts = packets(kind);
    EXPECT_EQ(counts.expected, counts.written);
  }
  EXPECT_EQ(track_status(Kind::video).frames, studio().sent(Kind::video).size());
  EXPECT_EQ(track_status(Kind::audio).frames, studio().sent(Kind::audio).size());
  EXPECT_EQ(track_status(Kind::audio).filler_frames, 0u);
}

TEST_F(SessionTest, WhatIsOnTheDiskPlaysAtAnyInstant) {
  connect();
  play_both();
  for (int i = 0; i < 8; ++i) {
    run_for(487ms);
    const auto so_far = pictures_of(file().video());
    EXPECT_GE(so_far.size() + 4, studio().sent(Kind::video).size());  // on the way, and in the tick: 100 ms
    const auto sent = sent_pictures();
    EXPECT_TRUE(std::equal(so_far.begin(), so_far.end(), sent.begin()));
  }
}

TEST_F(SessionTest, AFinishedRecordingIsWholeAndItsJournalSaysSo) {
  connect();
  play_both();
  run_for(5s);
  finish("stopped");
  const storage::Journal written = journal();
  EXPECT_FALSE(written.torn);
  EXPECT_EQ(written.unknown, 0u);
  EXPECT_TRUE(std::holds_alternative<storage::StartEvent>(written.entries.front().event));
  const auto* end = std::get_if<storage::EndEvent>(&written.entries.back().event);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->reason, "stopped");
  EXPECT_EQ(end->bytes, bytes().size());
  EXPECT_EQ(end->parts, 1);
  EXPECT_NEAR(end->duration, 5, 0.1);
  EXPECT_EQ(status().file_size_bytes, bytes().size());
  EXPECT_THAT(events<storage::TrackEvent>(), SizeIs(2));
  EXPECT_EQ(events<storage::TrackEvent>()[0].width, 160);
}

TEST_F(SessionTest, APublisherWhoComesInTheMiddleIsAskedForAKeyFrame) {
  connect();
  studio().begin_with_delta();
  studio().publisher.take_key_frame_request();  // the one at the start is not honoured
  play_both();
  run_for(3s);
  EXPECT_GE(studio().publisher.counters().key_frame_requests, 1u);
  EXPECT_LE(*first_byte_at() - *studio().first_sent(Kind::video), 700ms);
  EXPECT_GT(packets(Kind::video).dropped, 0u);
  EXPECT_TRUE(file().video().packets.front().key);
}

TEST_F(SessionTest, KeyFramesAreAskedForInTime) {
  Footage one_key_frame = small_h264();
  one_key_frame.video.resize(1);
  for (int i = 0; i < 30 * 60; ++i)
    one_key_frame.video.push_back(small_h264().video[static_cast<std::size_t>(1 + i % 29)]);
  connect(Tracks::video, one_key_frame);
  studio().ignore_key_frame_requests();
  play(Kind::video);
  run_for(30s);
  EXPECT_GE(studio().publisher.counters().key_frame_requests, 6u);
  EXPECT_LE(studio().publisher.counters().key_frame_requests, 15u);
}

TEST_F(SessionTest, UntilItIsArmedAStreamIsLiveButNotRecorded) {
  options.arming = Arming::waiting;
  connect();
  play_both();
  run_for(5s);
  EXPECT_EQ(state(), State::waiting);
  EXPECT_FALSE(first_byte_at().has_value());
  session().arm(clock.both());
  run_for(2s);
  EXPECT_EQ(state(), State::recording);
  EXPECT_GT(bytes().size(), 0u);
}

TEST_F(SessionTest, MayBeDestroyedAtAnyTime) {
  connect();
  play_both();
  run_for(1s);
  // The fixture goes with frames in flight to disk and transcoder.
}

TEST_F(SessionTest, AStreamThatNeverBroughtAFrameLeavesNoFile) {
  connect();
  run_for(5s);
  EXPECT_EQ(state(), State::connecting);
  finish("stream_ended");
  EXPECT_THAT(disk.list("/recordings").value(), IsEmpty());
}

// --- Loss

TEST_F(SessionTest, FivePercentLossIsMadeGood) {
  connect();
  net.both_ways(studio_at, recorder_at, {.loss = 0.05});
  play_both();
  run_for(30s);
  net.both_ways(studio_at, recorder_at, {});
  run_for(3s);
  finish();
  for (const Kind kind : {Kind::video, Kind::audio}) {
    EXPECT_EQ(packets(kind).lost, 0u) << media::to_string(kind);
    EXPECT_GT(packets(kind).recovered, 10u) << media::to_string(kind);
  }
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
  EXPECT_THAT(events<storage::LossEvent>(), IsEmpty());
}

TEST_F(SessionTest, AnOfferThatListsNoSourcesHasItsLossMadeGoodAsWell) {
  lists_ssrcs = false;
  connect();
  net.both_ways(studio_at, recorder_at, {.loss = 0.05});
  play_both();
  run_for(10s);
  net.both_ways(studio_at, recorder_at, {});
  run_for(3s);
  finish();
  EXPECT_EQ(packets(Kind::video).lost, 0u);
  EXPECT_GT(packets(Kind::video).recovered, 5u);
}

TEST_F(SessionTest, ReorderedAndDoubledPacketsDoNoHarm) {
  connect();
  net.both_ways(studio_at, recorder_at, {.jitter = 20ms, .reorder = 0.1, .duplicate = 0.1});
  play_both();
  run_for(10s);
  net.both_ways(studio_at, recorder_at, {});
  run_for(1s);
  finish();
  EXPECT_TRUE(pictures_of(file().video()) == sent_pictures());
  EXPECT_EQ(packets(Kind::video).lost, 0u);
}

TEST_F(SessionTest, WhatCannotBeHadAgainIsCountedAndInTheJournal) {
  connect();
  play_both();
  run_for(2s);
  net.path(studio_at, recorder_at).loss = 0.05;
  net.path(recorder_at, studio_at).loss = 1;  // nobody hears our NACKs
  run_for(4s);
  net.both_ways(studio_at, recorder_at, {});
  run_for(4s);
  finish();
  const PacketCounts counts = packets(Kind::video);
  EXPECT_GT(counts.lost, 0u);
  EXPECT_EQ(counts.pending, 0u);
  EXPECT_EQ(counts.expected, counts.written + counts.lost + counts.dropped);
  EXPECT_GT(track_status(Kind::video).frames_lost, 0u);
  std::uint64_t noted = 0;
  for (const auto& loss : events<storage::LossEvent>()) {
    if (loss.track == journal_track(Kind::video) && loss.cause == "network") noted += loss.packets;
  }
  EXPECT_EQ(noted, counts.lost);
}

TEST_F(SessionTest, ATrackGoesOnWhileAHoleIsOpenInTheOther) {
  connect();
  play_both();
  run_for(3s);
  forget_standstill();
  studio().stop(Kind::video);
  net.path(recorder_at, studio_at).loss = 1;
  net.path(studio_at, recorder_at).loss = 1;
  run_for(20ms);  // a packet of sound is lost for good
  net.path(studio_at, recorder_at).loss = 0;
  play(Kind::video);
  run_for(1s);
  EXPECT_LE(longest_standstill(), 150ms);
}

// --- Silence

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
  EXPECT_EQ(recorder().limit_reached, "");
  announce(Kind::audio, false);
  announce(Kind::video, false);
  play_both();
  run_for(2s);
  finish();
  EXPECT_THAT(events<storage::GapEvent>(), IsEmpty());
  EXPECT_THAT(events<storage::MuteEvent>(), SizeIs(4));
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
  const auto gaps = events<storage::GapEvent>();
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
  const auto gaps = events<storage::GapEvent>();
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
  EXPECT_THAT(events<storage::GapEvent>(), SizeIs(1));
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
  EXPECT_EQ(recorder().limit_reached, "");
  EXPECT_EQ(status().gaps, 0u);
  run_for(2s);
  EXPECT_EQ(recorder().limit_reached, "mute_limit");
}

TEST_F(SessionTest, FiftyNineSecondsOfSilenceAreSurvived) {
  connect();
  play_both();
  run_for(2s);
  stop_both();
  run_for(59s);
  EXPECT_EQ(recorder().limit_reached, "");
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
  EXPECT_EQ(recorder().limit_reached, "gap_limit");
  finish("gap_limit");
  const auto gaps = events<storage::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_NEAR(seconds(gaps[0].to_pts - gaps[0].from_pts), 61, 0.1);
  EXPECT_EQ(events<storage::EndEvent>().at(0).reason, "gap_limit");
  EXPECT_NEAR(events<storage::EndEvent>().at(0).duration, 2, 0.1);
}

// --- Tracks come and go

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
  const auto fills = events<storage::FillEvent>();
  ASSERT_FALSE(fills.empty());
  EXPECT_THAT(fills, Each(Field(&storage::FillEvent::track, journal_track(Kind::audio))));
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
  const auto parts = events<storage::PartEvent>();
  ASSERT_THAT(parts, SizeIs(2));
  EXPECT_EQ(parts[0].reason, "start");
  EXPECT_EQ(parts[1].reason, "late_video");
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
  EXPECT_EQ(recorder().limit_reached, "");
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
  EXPECT_THAT(events<storage::ReconnectEvent>(), SizeIs(1));
  EXPECT_THAT(events<storage::GapEvent>(), SizeIs(1));
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
  const auto tracks = events<storage::TrackEvent>();
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
  EXPECT_EQ(events<storage::PartEvent>().back().reason, "video_format");
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

// --- Formats

TEST_F(SessionTest, CopiedSoundIsUntouched) {
  options.output.audio = AudioMode::copy;
  connect();
  play_both();
  run_for(5s);
  finish();
  EXPECT_EQ(file().audio().codec, AV_CODEC_ID_OPUS);
  EXPECT_TRUE(payloads_of(file().audio()) == studio().sent(Kind::audio));
  EXPECT_EQ(track_status(Kind::audio).written_as, media::Codec::opus);
}

class FormatTest : public SessionTest, public testing::WithParamInterface<container::Format> {};

TEST_P(FormatTest, HoldsEveryFrame) {
  options.output.format = GetParam();
  connect();
  play_both();
  run_for(5s);
  finish();
  EXPECT_EQ(file().video().packets.size(), studio().sent(Kind::video).size());
  EXPECT_NEAR(seconds(file().audio().packets.back().pts - file().audio().packets.front().pts), 5, 0.1);
  EXPECT_LE(longest_standstill(), 1500ms);  // MP4 waits for a fragment, Matroska for a cluster
}

INSTANTIATE_TEST_SUITE_P(Containers, FormatTest,
                         testing::Values(container::Format::mpegts, container::Format::mp4,
                                         container::Format::mkv),
                         [](const auto& tested) { return std::string(container::to_string(tested.param)); });

TEST_F(SessionTest, Vp8IsRecordedUntouchedAsMatroskaWithANote) {
  static const Footage vp8 = make_footage({.codec = media::Codec::vp8});
  connect(Tracks::both, vp8);
  play_both();
  run_for(5s);
  finish();
  ASSERT_THAT(status().output_paths, SizeIs(1));
  EXPECT_THAT(status().output_paths[0], testing::EndsWith(".mkv"));
  EXPECT_TRUE(payloads_of(file().video()) == studio().sent(Kind::video));
  EXPECT_TRUE(payloads_of(file().audio()) == studio().sent(Kind::audio));
  EXPECT_THAT(status().format_note, HasSubstr("vp8"));
  const auto notes = events<storage::FormatNoteEvent>();
  ASSERT_THAT(notes, SizeIs(1));
  EXPECT_EQ(notes[0].asked, "mpegts");
  EXPECT_EQ(notes[0].used, "mkv");
}

TEST_F(SessionTest, LateVp8KeepsTheSoundAsItBegan) {
  static const Footage vp8 = make_footage({.codec = media::Codec::vp8});
  connect(Tracks::both, vp8);
  play(Kind::audio);
  run_for(8s);
  play(Kind::video);
  run_for(3s);
  finish();
  ASSERT_THAT(status().output_paths, SizeIs(2));
  EXPECT_TRUE(payloads_of(file(1).video()) == studio().sent(Kind::video));
  EXPECT_EQ(file(0).audio().codec, AV_CODEC_ID_AAC);
  EXPECT_EQ(file(1).audio().codec, AV_CODEC_ID_AAC);
  EXPECT_THAT(events<storage::FormatNoteEvent>(), SizeIs(1));
}

// --- Disk

TEST_F(SessionTest, AFullDiskCostsFramesNotTheRecording) {
  constexpr std::size_t room = 100 << 10;
  budget = room;
  connect();
  play_both();
  run_for(5s);
  disk.set_free_space(0);
  run_for(20s);
  EXPECT_LE(recorder().most_on_the_way(), room + (64 << 10));
  EXPECT_THAT(status().error, HasSubstr("space"));
  EXPECT_EQ(state(), State::recording);
  disk.set_free_space(1 << 30);
  run_for(10s);
  EXPECT_EQ(status().error, "");
  forget_standstill();
  run_for(2s);
  EXPECT_LE(longest_standstill(), 150ms);
  finish();

  for (const Kind kind : {Kind::video, Kind::audio}) {
    EXPECT_GT(packets(kind).dropped, 0u);
    EXPECT_EQ(packets(kind).pending, 0u);
    std::uint64_t noted = 0;
    for (const auto& loss : events<storage::LossEvent>())
      noted += loss.cause == "disk" && loss.track == journal_track(kind) ? loss.packets : 0;
    EXPECT_EQ(noted, packets(kind).dropped);
  }
  // What the ledger has as written is what the file has, to within a frame of AAC at each edge of the hole.
  EXPECT_NEAR(seconds(media::Ticks(packets(Kind::audio).written) * 1800),
              seconds(media::Ticks(file().audio().packets.size()) * 1920), 0.2);
  const auto disk_events = events<storage::DiskEvent>();
  ASSERT_GE(disk_events.size(), 2u);
  EXPECT_THAT(disk_events.front().error, HasSubstr("space"));
  EXPECT_EQ(disk_events.back().error, "");
  // After the hole it goes on with a key frame.
  const MediaFile recorded = file();
  const auto& pictures = recorded.video().packets;
  const auto after_hole = std::ranges::adjacent_find(pictures, [](const auto& before, const auto& after) {
    return after.pts - before.pts > 10 * media::ticks_per_second;
  });
  ASSERT_NE(after_hole, pictures.end());
  EXPECT_TRUE(std::next(after_hole)->key);
}

TEST_F(SessionTest, ADiskThatFailsAtTheEndIsWaitedFor) {
  connect();
  play_both();
  run_for(3s);
  stop_both();
  run_for(15ms);
  disk.fail_writes(true);
  run_for(100ms);
  recorder().finish("stopped");
  run_for(5s);
  EXPECT_FALSE(recorder().finished.has_value());
  disk.fail_writes(false);
  run_for(5s);
  ASSERT_TRUE(recorder().finished.has_value());
  EXPECT_TRUE(recorder().finished->has_value());
  EXPECT_EQ(pictures_of(file().video()).size(), studio().sent(Kind::video).size());
}

}  // namespace
}  // namespace holdfast::recording

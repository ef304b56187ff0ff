#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr media::Ticks aac_frame = 1920;

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
  finish(journal::EndReason::stopped);
  const journal::Lines written = journal();
  EXPECT_FALSE(written.torn);
  EXPECT_EQ(written.unknown, 0u);
  EXPECT_TRUE(std::holds_alternative<journal::StartEvent>(written.entries.front().event));
  const auto* end = std::get_if<journal::EndEvent>(&written.entries.back().event);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->reason, journal::EndReason::stopped);
  EXPECT_EQ(end->bytes, bytes().size());
  EXPECT_EQ(end->parts, 1);
  EXPECT_NEAR(end->duration, 5, 0.1);
  EXPECT_EQ(status().file_size_bytes, bytes().size());
  EXPECT_THAT(events<journal::TrackEvent>(), SizeIs(2));
  EXPECT_EQ(events<journal::TrackEvent>()[0].width, 160);
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
  finish(journal::EndReason::stream_ended);
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
  EXPECT_THAT(events<journal::LossEvent>(), IsEmpty());
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
  for (const auto& loss : events<journal::LossEvent>()) {
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
  const auto notes = events<journal::FormatNoteEvent>();
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
  EXPECT_THAT(events<journal::FormatNoteEvent>(), SizeIs(1));
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
    for (const auto& loss : events<journal::LossEvent>())
      noted += loss.cause == "disk" && loss.track == journal_track(kind) ? loss.packets : 0;
    EXPECT_EQ(noted, packets(kind).dropped);
  }
  // What the ledger has as written is what the file has, to within a frame of AAC at each edge of the hole.
  EXPECT_NEAR(seconds(media::Ticks(packets(Kind::audio).written) * 1800),
              seconds(media::Ticks(file().audio().packets.size()) * 1920), 0.2);
  const auto disk_events = events<journal::DiskEvent>();
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
  recorder().finish(journal::EndReason::stopped);
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

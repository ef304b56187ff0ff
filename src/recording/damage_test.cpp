#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::SizeIs;

class DamageTest : public SessionTest {
 protected:
  // A picture in the middle of a second is lost for good; the next key frame is half a second away.
  void record_with_a_lost_picture() {
    connect(Tracks::video);
    studio().ignore_key_frame_requests();
    play(Kind::video);
    run_for(2500ms);
    net.both_ways(studio_at, recorder_at, {.loss = 1});
    run_for(40ms);
    net.path(studio_at, recorder_at).loss = 0;  // nobody hears our NACKs
    run_for(2s);
    net.both_ways(studio_at, recorder_at, {});
    run_for(2s);
    finish();
  }
};

TEST_F(DamageTest, DamagedPicturesAreKeptAndMarked) {
  record_with_a_lost_picture();
  const TrackStatus track = track_status(Kind::video);
  ASSERT_GT(track.packets.lost, 0u);
  EXPECT_EQ(track.frames + track.packets.lost, studio().sent(Kind::video).size());
  const auto damages = events<journal::DamageEvent>();
  ASSERT_THAT(damages, SizeIs(1));
  EXPECT_EQ(damages[0].kept, "keep");
  EXPECT_EQ(damages[0].frames, track.frames_damaged);
  EXPECT_GE(damages[0].frames, 10u);
  EXPECT_LE(damages[0].frames, 15u);
  // From the first picture behind the loss to the key frame.
  EXPECT_EQ(damages[0].to_pts - damages[0].from_pts,
            static_cast<media::Ticks>(damages[0].frames) * media::ticks_per_second / 30);
  const MediaFile recorded = file();
  const auto& written = recorded.video().packets;
  const auto end = std::ranges::find(written, damages[0].to_pts, &MediaFile::Packet::pts);
  ASSERT_NE(end, written.end());
  EXPECT_TRUE(end->key);
}

TEST_F(DamageTest, DamagedPicturesAreDroppedWhereTheyAreNotWanted) {
  options.damage = DamageMode::drop;
  record_with_a_lost_picture();
  const TrackStatus track = track_status(Kind::video);
  const auto dropped = track.packets.dropped_by[static_cast<std::size_t>(rtp::DropCause::damaged)];
  ASSERT_GT(track.packets.lost, 0u);
  EXPECT_EQ(dropped, track.packets.dropped);
  EXPECT_EQ(dropped, track.frames_damaged);  // of a packet each
  EXPECT_EQ(track.packets.expected, track.packets.written + track.packets.lost + dropped);
  const auto damages = events<journal::DamageEvent>();
  ASSERT_THAT(damages, SizeIs(1));
  EXPECT_EQ(damages[0].kept, "drop");
  const MediaFile recorded = file();
  for (const auto& packet : recorded.video().packets) {
    EXPECT_TRUE(packet.pts < damages[0].from_pts || packet.pts >= damages[0].to_pts);
  }
}

TEST_F(DamageTest, ARecordingThatEndsDamagedSaysSo) {
  connect(Tracks::video);
  studio().ignore_key_frame_requests();
  play(Kind::video);
  run_for(2100ms);
  net.path(studio_at, recorder_at).loss = 1;
  run_for(40ms);
  net.both_ways(studio_at, recorder_at, {});
  net.path(recorder_at, studio_at).loss = 1;
  run_for(400ms);
  finish();  // gives up the hole
  EXPECT_THAT(events<journal::DamageEvent>(), SizeIs(1));
}

TEST_F(DamageTest, TheJournalEndsWithTheLedgerOfEachTrack) {
  connect();
  net.both_ways(studio_at, recorder_at, {.loss = 0.05});
  play_both();
  run_for(70s);
  net.both_ways(studio_at, recorder_at, {});
  run_for(2s);
  finish();
  const auto ledgers = events<journal::LedgerEvent>();
  ASSERT_THAT(ledgers, SizeIs(4));  // after a minute, and at the end
  for (const Kind kind : {Kind::video, Kind::audio}) {
    const auto last = std::ranges::find(ledgers.begin() + 2, ledgers.end(), journal_track(kind),
                                        &journal::LedgerEvent::track);
    ASSERT_NE(last, ledgers.end());
    const TrackStatus track = track_status(kind);
    EXPECT_EQ(last->expected, track.packets.expected);
    EXPECT_EQ(last->expected, last->written + last->lost + last->dropped + last->pending);
    EXPECT_EQ(last->recovered_rtx, kind == Kind::video ? track.packets.recovered : 0u);
    EXPECT_EQ(last->recovered_nack, kind == Kind::audio ? track.packets.recovered : 0u);
    EXPECT_EQ(last->filler_frames, track.filler_frames);
  }
}

}  // namespace
}  // namespace holdfast::recording

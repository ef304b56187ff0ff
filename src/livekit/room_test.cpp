#include "livekit/room_test.hpp"

namespace holdfast::livekit {
namespace {

TEST_F(RoomTest, SubscribesToVideoAndAudioAtTheTopLayer) {
  join();
  publish("alice", {camera("TR_v"), microphone("TR_a")});
  EXPECT_THAT(events(), ElementsAre("added TR_v", "added TR_a"));
  EXPECT_THAT(requests(), ElementsAre("subscribe TR_v", "quality TR_v 2", "subscribe TR_a"));
  EXPECT_EQ(room_->participant(), "alice");
}

TEST_F(RoomTest, FindsThoseWhoWereThereBefore) {
  start();
  wire::SignalResponse response = join_response();
  *response.mutable_join()->add_other_participants() = snapshot("alice", {camera("TR_v")});
  receive(response);
  EXPECT_THAT(events(), ElementsAre("joined demo", "added TR_v"));
}

TEST_F(RoomTest, AsksForTheLayerThatWasConfigured) {
  join({.quality = Quality::low});
  publish("alice", {camera("TR_v")});
  EXPECT_THAT(requests(), ElementsAre("subscribe TR_v", "quality TR_v 0"));
}

TEST_F(RoomTest, ChoosesTheFirstThatPublishesVideo) {
  join();
  publish("anna", {microphone("TR_a1")});
  publish("berta", {camera("TR_v2"), microphone("TR_a2")});
  EXPECT_THAT(events(), ElementsAre("added TR_v2", "added TR_a2"));
  publish("carla", {camera("TR_v3")});
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(RoomTest, OfSeveralPresentChoosesTheOneThatJoinedFirst) {
  start();
  wire::SignalResponse response = join_response();
  for (const auto& [identity, joined] : {std::pair("late", 2000), std::pair("early", 1000)}) {
    wire::Participant participant = snapshot(identity, {camera(fmt::format("TR_{}", identity))});
    participant.set_joined_at_ms(joined);
    *response.mutable_join()->add_other_participants() = participant;
  }
  receive(response);
  EXPECT_THAT(events(), ElementsAre("joined demo", "added TR_early"));
}

TEST_F(RoomTest, TakesAudioAloneAfterTrackWait) {
  join();
  publish("alice", {microphone("TR_a")});
  pass(999ms);
  EXPECT_THAT(events(), IsEmpty());
  pass(1ms);
  EXPECT_THAT(events(), ElementsAre("added TR_a"));
}

TEST_F(RoomTest, VideoTenSecondsAfterAudioIsTaken) {
  join();
  publish("alice", {microphone("TR_a")});
  pass(1s);
  events();
  publish("bob", {camera("TR_other")});
  publish("alice", {microphone("TR_a"), camera("TR_v")});
  EXPECT_THAT(events(), ElementsAre("added TR_v"));
}

TEST_F(RoomTest, AudioTenSecondsAfterVideoIsTaken) {
  join();
  publish("alice", {camera("TR_v")});
  pass(10s);
  events();
  publish("alice", {camera("TR_v"), microphone("TR_a")});
  EXPECT_THAT(events(), ElementsAre("added TR_a"));
}

TEST_F(RoomTest, TracksAnnouncedMutedAreTakenAndUnmutingIsTold) {
  join();
  publish("alice", {muted(camera("TR_v")), muted(microphone("TR_a"))});
  EXPECT_THAT(events(), ElementsAre("added TR_v", "added TR_a"));
  publish("alice", {camera("TR_v"), muted(microphone("TR_a"))});
  EXPECT_THAT(events(), ElementsAre("changed TR_v"));
  publish("alice", {camera("TR_v"), muted(microphone("TR_a"))});
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(RoomTest, RecordsTheParticipantGivenAndNobodyElse) {
  join({.participant = "bob"});
  publish("alice", {camera("TR_v1")});
  pass(10s);
  EXPECT_THAT(events(), IsEmpty());
  publish("bob", {microphone("TR_a2")});
  EXPECT_THAT(events(), ElementsAre("added TR_a2"));
}

TEST_F(RoomTest, PrefersTheCameraAndFallsBackToTheScreen) {
  join();
  publish("alice", {screen("TR_s"), camera("TR_v"), screen_sound("TR_ss"), microphone("TR_m")});
  EXPECT_THAT(events(), ElementsAre("added TR_v", "added TR_m"));
  requests();
  publish("alice", {screen("TR_s"), screen_sound("TR_ss")});
  EXPECT_THAT(events(), ElementsAre("removed TR_v", "added TR_s", "removed TR_m", "added TR_ss"));
  EXPECT_THAT(requests(), ElementsAre("subscribe TR_s", "quality TR_s 2", "subscribe TR_ss"));
}

TEST_F(RoomTest, UnsubscribesFromWhatItNoLongerWants) {
  join();
  publish("alice", {screen("TR_s")});
  requests();
  publish("alice", {screen("TR_s"), camera("TR_v")});
  EXPECT_THAT(requests(), ElementsAre("unsubscribe TR_s", "subscribe TR_v", "quality TR_v 2"));
}

TEST_F(RoomTest, StaysWithAPublisherThatComesBackUnderANewSession) {
  join();
  publish("alice", {camera("TR_1")});
  events();
  leave_room("alice");
  EXPECT_THAT(events(), ElementsAre("removed TR_1", "left alice"));
  publish("bob", {camera("TR_other")});
  EXPECT_THAT(events(), IsEmpty());
  wire::Participant again = snapshot("alice", {camera("TR_2")});
  again.set_sid("PA_alice_again");
  again.set_version(1);
  update(again);
  EXPECT_THAT(events(), ElementsAre("added TR_2"));
}

TEST_F(RoomTest, IgnoresSnapshotsOlderThanWhatItKnows) {
  join();
  const wire::Participant old = snapshot("alice", {camera("TR_old")});
  publish("alice", {camera("TR_new")});
  events();
  update(old);
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(RoomTest, TheLateGoodbyeOfAFormerSessionDoesNotEndTheNewOne) {
  join();
  publish("alice", {camera("TR_1")});
  wire::Participant again = snapshot("alice", {camera("TR_2")});
  again.set_sid("PA_again");
  update(again);
  EXPECT_THAT(events(), ElementsAre("added TR_1", "removed TR_1", "added TR_2"));
  leave_room("alice");
  EXPECT_THAT(events(), IsEmpty());
}

TEST_F(RoomTest, AnEncryptedStreamIsRefusedByName) {
  join();
  publish("alice", {encrypted(camera("TR_v")), encrypted(microphone("TR_a"))});
  EXPECT_THAT(events(), ElementsAre("refused TR_v", "refused TR_a"));
  EXPECT_THAT(requests(), IsEmpty());
  pass(1s);
  EXPECT_THAT(events(), ElementsAre("ended refused"));
  EXPECT_THAT(log_.ended.why, HasSubstr("video track TR_v (camera) of alice: it is end-to-end encrypted"));
}

TEST_F(RoomTest, ACodecItCannotTakeIsNamedAndTheRestRecorded) {
  join();
  publish("alice", {camera("TR_v", "video/AV1"), microphone("TR_a")});
  EXPECT_THAT(events(), ElementsAre("refused TR_v"));
  EXPECT_THAT(log_.last_refused.refusal, HasSubstr("video/AV1"));
  pass(5s);
  EXPECT_THAT(events(), ElementsAre("added TR_a"));
}

TEST_F(RoomTest, ABackupCodecItCanTakeIsGoodEnough) {
  join();
  wire::Track track = camera("TR_v", "video/VP9");
  track.add_codecs()->set_mime_type("video/VP9");
  track.add_codecs()->set_mime_type("video/vp8");
  publish("alice", {track});
  EXPECT_THAT(events(), ElementsAre("added TR_v"));
}

TEST_F(RoomTest, ATrackRepublishedInAnotherCodecDoesNotEndARunningRecording) {
  join();
  publish("alice", {camera("TR_1")});
  publish("alice", {camera("TR_2", "video/VP9")});
  EXPECT_THAT(events(), ElementsAre("added TR_1", "removed TR_1", "refused TR_2"));
  pass(10s);
  EXPECT_FALSE(room_->ended());
}

TEST_F(RoomTest, GivesUpWhenTheServerCannotSendAnyTrack) {
  join();
  publish("alice", {camera("TR_v")});
  events();
  subscription_fails("TR_v", wire::SubscriptionResponse::CODEC_UNSUPPORTED);
  EXPECT_THAT(events(), ElementsAre("removed TR_v", "refused TR_v"));
  publish("alice", {camera("TR_v")});
  EXPECT_THAT(events(), IsEmpty());
  pass(1s);
  EXPECT_THAT(events(), ElementsAre("ended refused"));
}

TEST_F(RoomTest, ATrackNotFoundIsAskedForAgainWhileItIsAnnounced) {
  join();
  publish("alice", {camera("TR_v")});
  requests();
  subscription_fails("TR_v", wire::SubscriptionResponse::TRACK_NOT_FOUND);
  EXPECT_THAT(requests(), ElementsAre("unsubscribe TR_v", "subscribe TR_v", "quality TR_v 2"));
}

TEST_F(RoomTest, APermissionTakenAwayAndGivenBackIsFollowed) {
  join();
  publish("alice", {camera("TR_v"), microphone("TR_a")});
  events();
  permit("TR_v", false);
  EXPECT_THAT(events(), ElementsAre("removed TR_v", "refused TR_v"));
  permit("TR_v", true);
  EXPECT_THAT(events(), ElementsAre("added TR_v"));
}

TEST_F(RoomTest, AWatcherReportsPublishersAndSubscribesToNothing) {
  join({.mode = RoomMode::watch});
  publish("viewer", {});
  publish("alice", {microphone("TR_a")});
  publish("bob", {camera("TR_v")});
  publish("bob", {camera("TR_v"), microphone("TR_b")});
  EXPECT_THAT(events(), ElementsAre("participant alice", "participant bob"));
  leave_room("alice");
  leave_room("viewer");
  EXPECT_THAT(events(), ElementsAre("gone alice"));
  EXPECT_THAT(requests(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::livekit

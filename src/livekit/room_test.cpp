#include "livekit/room.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/random.hpp"
#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Writes down what a room says, one short line an event.
class Log final : public RoomEvents {
 public:
  std::vector<std::string> take() { return std::exchange(lines_, {}); }
  Offer offer;
  Ended ended;
  Track last_refused;
  std::vector<std::string> ice_servers;  // all that were named

 private:
  void on_joined(std::string_view room_name, std::string_view) override { add("joined", room_name); }
  void on_resumed() override { lines_.emplace_back("resumed"); }
  void on_offer(const Offer& value) override {
    offer = value;
    add("offer", std::to_string(value.id));
  }
  void on_ice_servers(const std::vector<IceServer>& servers) override {
    for (const IceServer& server : servers) {
      for (const std::string& url : server.urls)
        ice_servers.push_back(url + ' ' + server.username + ' ' + server.credential);
    }
  }
  void on_candidate(std::string_view candidate) override { add("candidate", candidate); }
  void on_track_added(const Track& track) override { add("added", track.sid); }
  void on_track_changed(const Track& track) override { add(track.muted ? "muted" : "changed", track.sid); }
  void on_track_removed(const Track& track) override { add("removed", track.sid); }
  void on_track_refused(const Track& track) override {
    last_refused = track;
    add("refused", track.sid);
  }
  void on_publisher_left(std::string_view identity) override { add("left", identity); }
  void on_participant(std::string_view identity) override { add("participant", identity); }
  void on_participant_gone(std::string_view identity) override { add("gone", identity); }
  void on_token(std::string_view token) override { add("token", token); }
  void on_ended(const Ended& value) override {
    ended = value;
    add("ended", to_string(value.kind));
  }
  void add(std::string_view what, std::string_view of) { lines_.push_back(fmt::format("{} {}", what, of)); }

  std::vector<std::string> lines_;
};

// What the server hears, one short line a request.
class Wire final : public SignalSink {
 public:
  std::vector<std::string> take() { return std::exchange(lines_, {}); }
  wire::SignalRequest last;

 private:
  void send(Bytes message) override {
    ASSERT_TRUE(last.ParseFromArray(message.data(), static_cast<int>(message.size())));
    lines_.push_back(describe_last());
  }
  std::string describe_last() const {
    switch (last.message_case()) {
      case wire::SignalRequest::kSubscription:
        return (last.subscription().subscribe() ? "subscribe " : "unsubscribe ") +
               last.subscription().track_sids(0);
      case wire::SignalRequest::kTrackSetting:
        return fmt::format("quality {} {}", last.track_setting().track_sids(0),
                           static_cast<int>(last.track_setting().quality()));
      case wire::SignalRequest::kAnswer:
        return fmt::format("answer {}", last.answer().id());
      case wire::SignalRequest::kTrickle:
        return "trickle " + last.trickle().candidate_init();
      case wire::SignalRequest::kPingReq:
        return "ping";
      case wire::SignalRequest::kLeave:
        return "leave";
      case wire::SignalRequest::MESSAGE_NOT_SET:
        break;
    }
    return "nothing";
  }

  std::vector<std::string> lines_;
};

wire::Track camera(const std::string& sid, const std::string& mime = "video/H264") {
  wire::Track track;
  track.set_sid(sid);
  track.set_type(wire::Track::VIDEO);
  track.set_source(wire::Track::CAMERA);
  track.set_mime_type(mime);
  track.set_width(1280);
  track.set_height(720);
  return track;
}

wire::Track screen(const std::string& sid) {
  wire::Track track = camera(sid, "video/VP8");
  track.set_source(wire::Track::SCREEN_SHARE);
  return track;
}

wire::Track microphone(const std::string& sid) {
  wire::Track track;
  track.set_sid(sid);
  track.set_type(wire::Track::AUDIO);
  track.set_source(wire::Track::MICROPHONE);
  track.set_mime_type("audio/red");
  return track;
}

wire::Track screen_sound(const std::string& sid) {
  wire::Track track = microphone(sid);
  track.set_source(wire::Track::SCREEN_SHARE_AUDIO);
  return track;
}

wire::Track muted(wire::Track track) {
  track.set_muted(true);
  return track;
}

wire::Track encrypted(wire::Track track) {
  track.set_encryption(wire::Track::GCM);
  return track;
}

class RoomTest : public testing::Test {
 protected:
  void start(RoomConfig config = {}) { room_.emplace(std::move(config), log_, wire_, now_); }
  void receive(const wire::SignalResponse& response) {
    const std::string bytes = response.SerializeAsString();
    room_->handle_message(as_bytes(bytes), now_);
  }
  // Joined, with nobody there yet.
  void join(RoomConfig config = {}) {
    start(std::move(config));
    receive(join_response());
    EXPECT_THAT(events(), ElementsAre("joined demo"));
  }
  static wire::SignalResponse join_response() {
    wire::SignalResponse response;
    response.mutable_join()->mutable_room()->set_name("demo");
    response.mutable_join()->mutable_participant()->set_sid("PA_us");
    response.mutable_join()->mutable_participant()->mutable_permission()->set_can_subscribe(true);
    response.mutable_join()->set_ping_interval(5);
    response.mutable_join()->set_ping_timeout(15);
    return response;
  }
  static wire::SignalResponse reconnect_response() {
    wire::SignalResponse response;
    response.mutable_reconnect();
    return response;
  }
  // A full snapshot, as the server sends it on every change.
  wire::Participant snapshot(const std::string& identity, const std::vector<wire::Track>& tracks) {
    wire::Participant participant;
    participant.set_sid("PA_" + identity);
    participant.set_identity(identity);
    participant.set_state(wire::Participant::ACTIVE);
    participant.set_version(++version_);
    for (const wire::Track& track : tracks) *participant.add_tracks() = track;
    return participant;
  }
  void update(const wire::Participant& participant) {
    wire::SignalResponse response;
    *response.mutable_update()->add_participants() = participant;
    receive(response);
  }
  void publish(const std::string& identity, const std::vector<wire::Track>& tracks) {
    update(snapshot(identity, tracks));
  }
  void leave_room(const std::string& identity) {
    wire::Participant participant = snapshot(identity, {});
    participant.set_state(wire::Participant::DISCONNECTED);
    update(participant);
  }
  void server_leaves(wire::DisconnectReason reason, wire::Leave::Action action) {
    wire::SignalResponse response;
    response.mutable_leave()->set_reason(reason);
    response.mutable_leave()->set_action(action);
    receive(response);
  }
  void subscription_fails(const std::string& sid, wire::SubscriptionResponse::Error error) {
    wire::SignalResponse response;
    response.mutable_subscription_response()->set_track_sid(sid);
    response.mutable_subscription_response()->set_err(error);
    receive(response);
  }
  void permit(const std::string& sid, bool allowed) {
    wire::SignalResponse response;
    response.mutable_subscription_permission_update()->set_track_sid(sid);
    response.mutable_subscription_permission_update()->set_allowed(allowed);
    receive(response);
  }
  // Lets the time pass as a driver does: from deadline to deadline.
  void pass(Duration duration) {
    const Instant end = now_ + duration;
    while (room_->deadline() <= end) {
      now_ = std::max(now_, room_->deadline());
      room_->handle_timeout(now_);
    }
    now_ = end;
  }
  std::vector<std::string> events() { return log_.take(); }
  std::vector<std::string> requests() { return wire_.take(); }

  Instant now_{1h};
  std::uint32_t version_ = 0;
  Log log_;
  Wire wire_;
  std::optional<Room> room_;
};

TEST_F(RoomTest, TellsTheIceServersThatAreNamedAtJoiningAndAtReconnecting) {
  start();
  wire::SignalResponse response = join_response();
  wire::IceServer& server = *response.mutable_join()->add_ice_servers();
  server.add_urls("turn:192.0.2.1:3478?transport=udp");
  server.add_urls("turns:turn.example.org:443?transport=tcp");
  server.set_username("user");
  server.set_credential("secret");
  receive(response);
  EXPECT_THAT(log_.ice_servers, ElementsAre("turn:192.0.2.1:3478?transport=udp user secret",
                                            "turns:turn.example.org:443?transport=tcp user secret"));
  log_.ice_servers.clear();
  room_->resume(now_);
  wire::SignalResponse reconnect;
  reconnect.mutable_reconnect()->add_ice_servers()->add_urls("stun:192.0.2.2");
  receive(reconnect);
  EXPECT_THAT(log_.ice_servers, ElementsAre("stun:192.0.2.2  "));
}

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
  EXPECT_THAT(log_.ended.why, HasSubstr("video track TR_v (camera) of alice: it is encrypted end to end"));
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

TEST_F(RoomTest, PassesOffersWithTheirTracksAndAnswersByNumber) {
  join();
  wire::SignalResponse response;
  response.mutable_offer()->set_id(42);
  response.mutable_offer()->set_sdp("v=0");
  (*response.mutable_offer()->mutable_mid_to_track_id())["1"] = "TR_v";
  receive(response);
  EXPECT_THAT(events(), ElementsAre("offer 42"));
  EXPECT_EQ(log_.offer.mid_to_track.at("1"), "TR_v");
  room_->send_answer(42, "v=0 ours");
  EXPECT_THAT(requests(), ElementsAre("answer 42"));
  EXPECT_EQ(wire_.last.answer().type(), "answer");
  EXPECT_EQ(wire_.last.answer().sdp(), "v=0 ours");
}

TEST_F(RoomTest, PassesTheCandidatesOfTheSubscriberConnection) {
  join();
  const auto trickle = [&](std::string_view init, wire::Target target, bool final) {
    wire::SignalResponse response;
    response.mutable_trickle()->set_candidate_init(std::string(init));
    response.mutable_trickle()->set_target(target);
    response.mutable_trickle()->set_final(final);
    receive(response);
  };
  trickle(R"({"candidate":"candidate:1 1 udp 5 127.0.0.1 9 typ host","sdpMid":"0"})", wire::SUBSCRIBER,
          false);
  trickle(R"({"candidate":"candidate:2","sdpMid":"0"})", wire::PUBLISHER, false);
  trickle(R"({"candidate":""})", wire::SUBSCRIBER, true);
  trickle("", wire::SUBSCRIBER, true);
  EXPECT_THAT(events(), ElementsAre("candidate candidate:1 1 udp 5 127.0.0.1 9 typ host"));
  EXPECT_EQ(room_->malformed_messages(), 0u);
  trickle(R"({"candidate":7})", wire::SUBSCRIBER, false);
  trickle("[[[", wire::SUBSCRIBER, false);
  EXPECT_EQ(room_->malformed_messages(), 2u);
}

TEST_F(RoomTest, SendsItsOwnCandidates) {
  join();
  room_->send_candidate("candidate:1", "0");
  EXPECT_THAT(requests(), ElementsAre(R"(trickle {"candidate":"candidate:1","sdpMid":"0"})"));
  EXPECT_EQ(wire_.last.trickle().target(), wire::SUBSCRIBER);
}

TEST_F(RoomTest, PassesRefreshedTokens) {
  join();
  wire::SignalResponse response;
  response.set_refresh_token("newer");
  receive(response);
  EXPECT_THAT(events(), ElementsAre("token newer"));
}

TEST_F(RoomTest, PingsAtTheServersIntervalAndGivesUpOnSilence) {
  join();
  pass(14s);
  EXPECT_THAT(requests(), ElementsAre("ping", "ping"));
  wire::SignalResponse pong;
  pong.mutable_pong_resp();
  receive(pong);
  pass(14s);
  EXPECT_FALSE(room_->ended());
  pass(1s);
  EXPECT_THAT(events(), ElementsAre("ended resume"));
  EXPECT_EQ(room_->deadline(), never);
}

TEST_F(RoomTest, SenselessPingSettingsAreBounded) {
  start();
  wire::SignalResponse response = join_response();
  response.mutable_join()->set_ping_interval(-1);
  response.mutable_join()->set_ping_timeout(std::numeric_limits<std::int32_t>::max());
  receive(response);
  EXPECT_EQ(room_->deadline(), now_ + 5s);
  pass(300s);
  EXPECT_TRUE(room_->ended());
}

TEST_F(RoomTest, GivesUpWhenTheServerDoesNotAnswerTheJoin) {
  start();
  pass(9999ms);
  EXPECT_FALSE(room_->ended());
  pass(1ms);
  EXPECT_THAT(events(), ElementsAre("ended rejoin"));
}

TEST_F(RoomTest, ATokenThatMayNotSubscribeIsRefused) {
  start();
  wire::SignalResponse response = join_response();
  response.mutable_join()->mutable_participant()->mutable_permission()->set_can_subscribe(false);
  receive(response);
  EXPECT_THAT(events(), ElementsAre("ended refused"));
  EXPECT_THAT(log_.ended.why, HasSubstr("canSubscribe"));
}

TEST_F(RoomTest, SaysGoodbyeAndWaitsForTheServersGoodbye) {
  join();
  room_->leave(now_);
  room_->leave(now_);
  EXPECT_THAT(requests(), ElementsAre("leave"));
  EXPECT_EQ(wire_.last.leave().reason(), wire::CLIENT_INITIATED);
  server_leaves(wire::CLIENT_INITIATED, wire::Leave::DISCONNECT);
  EXPECT_THAT(events(), ElementsAre("ended left"));
}

TEST_F(RoomTest, LeavesWithoutTheServersGoodbyeAfterHalfASecond) {
  join();
  room_->leave(now_);
  pass(499ms);
  EXPECT_FALSE(room_->ended());
  pass(1ms);
  EXPECT_THAT(events(), ElementsAre("ended left"));
}

TEST_F(RoomTest, WhateverBreaksWhileLeavingCountsAsLeft) {
  join();
  room_->leave(now_);
  room_->handle_closed({EndKind::resume, "lost"});
  EXPECT_THAT(events(), ElementsAre("ended left"));
}

TEST_F(RoomTest, EndsOnceAndIsSilentAfterwards) {
  join();
  server_leaves(wire::ROOM_DELETED, wire::Leave::DISCONNECT);
  EXPECT_THAT(events(), ElementsAre("ended stream_ended"));
  room_->handle_closed({EndKind::resume, "lost"});
  publish("alice", {camera("TR_v")});
  room_->send_answer(1, "late");
  room_->leave(now_);
  room_->handle_timeout(now_ + 1h);
  EXPECT_THAT(events(), IsEmpty());
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(RoomTest, ARoomThatClosesMayOpenAgain) {
  join();
  publish("alice", {camera("TR_v")});
  events();
  server_leaves(wire::ROOM_CLOSED, wire::Leave::DISCONNECT);
  EXPECT_THAT(events(), ElementsAre("ended not_live"));
  EXPECT_EQ(log_.ended.fault, Fault::publisher);
}

TEST_F(RoomTest, AWatchedRoomThatClosesAfterTheStreamsIsOver) {
  join({.mode = RoomMode::watch});
  publish("alice", {camera("TR_v")});
  leave_room("alice");
  events();
  server_leaves(wire::ROOM_CLOSED, wire::Leave::DISCONNECT);
  EXPECT_THAT(events(), ElementsAre("ended stream_ended"));
}

TEST_F(RoomTest, ASessionIsResumedWithAllThatWasKnown) {
  join();
  publish("alice", {camera("TR_v"), microphone("TR_a")});
  events();
  requests();
  room_->handle_closed({EndKind::resume, "lost"});
  EXPECT_THAT(events(), ElementsAre("ended resume"));
  EXPECT_EQ(room_->own_sid(), "PA_us");
  room_->resume(now_);
  pass(2s);
  receive(reconnect_response());
  EXPECT_THAT(events(), ElementsAre("resumed"));
  EXPECT_FALSE(room_->ended());
  // The snapshot that follows has what is there now: the microphone went while nobody told us.
  publish("alice", {camera("TR_v")});
  EXPECT_THAT(events(), ElementsAre("removed TR_a"));
  EXPECT_THAT(requests(), IsEmpty());
  pass(5s);
  EXPECT_THAT(requests(), ElementsAre("ping"));
}

TEST_F(RoomTest, AServerThatCannotBeReachedMayStillHaveTheSession) {
  join();
  room_->handle_closed({EndKind::resume, "lost"});
  room_->resume(now_);
  room_->handle_closed({EndKind::rejoin, "unreachable", Fault::network});
  EXPECT_THAT(events(), ElementsAre("ended resume", "ended resume"));
  EXPECT_EQ(log_.ended.fault, Fault::network);
}

TEST_F(RoomTest, ASessionThatTheServerDoesNotKnowIsJoinedAnew) {
  join();
  room_->handle_closed({EndKind::resume, "lost"});
  room_->resume(now_);
  server_leaves(wire::STATE_MISMATCH, wire::Leave::RECONNECT);
  EXPECT_THAT(events(), ElementsAre("ended resume", "ended rejoin"));
}

TEST_F(RoomTest, ATokenThatNoLongerResumesIsReplacedByJoiningAnew) {
  join();
  room_->handle_closed({EndKind::resume, "lost"});
  room_->resume(now_);
  room_->handle_closed(ending_of_refusal(401, "invalid token: x, error: token is expired (exp)"));
  EXPECT_THAT(events(), ElementsAre("ended resume", "ended rejoin"));
}

TEST_F(RoomTest, AServerThatDoesNotAnswerTheResumeIsGivenUp) {
  join({.join_timeout = 10s});
  room_->handle_closed({EndKind::resume, "lost"});
  room_->resume(now_);
  pass(9s);
  EXPECT_FALSE(room_->ended());
  pass(1s);
  EXPECT_THAT(events(), ElementsAre("ended resume", "ended rejoin"));
}

TEST_F(RoomTest, ThereIsNothingToResumeBeforeTheJoin) {
  start();
  room_->handle_closed({EndKind::resume, "lost"});
  EXPECT_THAT(events(), ElementsAre("ended rejoin"));
}

TEST_F(RoomTest, SurvivesAnyBytes) {
  SeededRandom random(20261122);
  start();
  wire::SignalResponse response = join_response();
  *response.mutable_join()->add_other_participants() =
      snapshot("alice", {camera("TR_v"), microphone("TR_a")});
  const std::string whole = response.SerializeAsString();
  for (int i = 0; i < 20'000; ++i) {
    if (room_->ended()) start();
    std::string bytes = whole.substr(0, random.below(whole.size() + 1));
    for (int flips = 0; flips < 3 && !bytes.empty(); ++flips) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    room_->handle_message(as_bytes(bytes), now_);
    room_->handle_timeout(now_);
  }
  EXPECT_THAT(events(), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace holdfast::livekit

#include <limits>

#include "base/random.hpp"
#include "livekit/room_test.hpp"

namespace holdfast::livekit {
namespace {

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

#include "livekit/membership.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "livekit/test_messages.hpp"
#include "livekit/token.hpp"

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The servers' side: what was asked of them, one short line a request.
struct Servers final : Signalling {
  void connect(const ServerUrl& server, std::string target, const std::string& with) override {
    const bool resumes = target.find("reconnect=1") != target.npos;
    lines.push_back(fmt::format("{} {}", resumes ? "resume" : "join", server.host));
    token = with;
  }
  void send(Bytes message) override {
    wire::SignalRequest request;
    ASSERT_TRUE(request.ParseFromArray(message.data(), static_cast<int>(message.size())));
    if (request.has_answer()) lines.push_back(fmt::format("answer {}", request.answer().id()));
    if (request.has_leave()) lines.emplace_back("leave");
  }
  void close() override { lines.emplace_back("close"); }
  void ask(HttpRequest request) override { lines.push_back("ask " + request.url); }

  std::vector<std::string> lines;
  std::string token;
};

// The recording: what it was told, one short line each.
struct Recording final : Subscriber {
  void accept_offer(const OfferKey& of, std::string, MediaConnection connection) override {
    key = of;
    lines.push_back(
        fmt::format("{} {}", connection == MediaConnection::renewed ? "new offer" : "offer", of.id));
  }
  void add_candidate(std::string_view) override {}
  void set_ice_servers(const std::vector<IceServer>&) override {}
  void announce(const Track& track) override { lines.push_back("announce " + track.sid); }
  void retract(media::Kind) override {}
  void suspect(Fault fault) override { suspected = fault; }
  void note_resumed() override { lines.emplace_back("resumed"); }
  void warn(const std::string&) override { lines.emplace_back("warn"); }
  void handle_publisher(std::string_view identity) override {
    lines.push_back(fmt::format("found {}", identity));
  }
  void end(Outcome outcome, const std::string& text) override {
    lines.emplace_back(outcome == Outcome::refused ? "refused" : "stream_ended");
    why = text;
  }

  std::vector<std::string> lines;
  OfferKey key;
  Fault suspected = Fault::network;
  std::string why;
};

class MembershipTest : public testing::Test {
 protected:
  MembershipTest() {
    options_.mint_id = "m1";
    options_.access.server_url = "ws://one";
    options_.access.token = "given";
    options_.wait_limit = 60s;
  }
  void start() {
    membership_.emplace(options_, random_, servers_, recording_);
    membership_->start(now_);
  }
  // In the room, where alice publishes.
  void join() {
    start();
    asked();
    enter();
  }
  void enter() {
    receive(join_response());
    receive(update_of(participant("PA_alice", "alice", {camera("TR_v")}, ++version_)));
    told();
  }
  void receive(const wire::SignalResponse& response) {
    const std::string bytes = response.SerializeAsString();
    membership_->handle_message(now_, as_bytes(bytes));
  }
  void offer(std::uint32_t id) {
    wire::SignalResponse response;
    response.mutable_offer()->set_id(id);
    receive(response);
  }
  void lose_signalling() { membership_->handle_closed(now_, {EndKind::resume, "lost"}); }
  void reply(int status, std::string body) {
    membership_->handle_endpoint_reply(now_, HttpResponse{status, {}, std::move(body)});
  }
  void pass(Duration duration) {
    const Instant end = now_.instant + duration;
    while (membership_->deadline() <= end) {
      const Instant due = std::max(now_.instant, membership_->deadline());
      now_ = {due, now_.wall + (due - now_.instant)};
      membership_->handle_timeout(now_);
    }
    now_ = {end, now_.wall + (end - now_.instant)};
  }
  std::vector<std::string> asked() { return std::exchange(servers_.lines, {}); }
  std::vector<std::string> told() { return std::exchange(recording_.lines, {}); }

  Membership::Options options_;
  SeededRandom random_{1};
  Servers servers_;
  Recording recording_;
  Now now_{Instant(1h), WallTime(std::chrono::seconds(1'767'225'600))};
  std::uint32_t version_ = 0;
  std::optional<Membership> membership_;
};

TEST_F(MembershipTest, JoinsWithTheTokenThatWasGiven) {
  start();
  EXPECT_THAT(asked(), ElementsAre("join one"));
  EXPECT_EQ(servers_.token, "given");
}

TEST_F(MembershipTest, MakesItsOwnTokenWhereItHasTheKey) {
  options_.access.token.clear();
  options_.access.api_key = "key";
  options_.access.api_secret = "secret";
  options_.access.room = "the-room";
  start();
  EXPECT_EQ(read_claims(servers_.token)->room, "the-room");
}

TEST_F(MembershipTest, OwnTokensAreMadeAnewBeforeEachJoining) {
  options_.access.token.clear();
  options_.access.api_key = "key";
  options_.access.api_secret = "secret";
  options_.wait_limit = 24h;
  join();
  wire::SignalResponse response;
  response.set_refresh_token("expires in ten minutes");
  receive(response);
  membership_->handle_closed(now_, {EndKind::rejoin, "gone"});
  pass(1s);
  EXPECT_TRUE(read_claims(servers_.token).has_value());
}

TEST_F(MembershipTest, TheFirstOfferOfEachStayIsOfANewConnection) {
  join();
  offer(7);
  offer(8);
  EXPECT_THAT(told(), ElementsAre("new offer 7", "offer 8"));
  lose_signalling();
  pass(0s);
  receive(leave_response(wire::STATE_MISMATCH, wire::Leave::RECONNECT));
  pass(1s);
  asked();
  enter();
  offer(7);
  EXPECT_THAT(told(), ElementsAre("new offer 7"));
}

TEST_F(MembershipTest, TheAnswerToAnOfferOfAnEarlierStayIsNobodys) {
  join();
  offer(7);
  const OfferKey earlier = recording_.key;
  membership_->handle_closed(now_, {EndKind::rejoin, "gone"});
  pass(1s);
  enter();
  asked();
  membership_->handle_answer(now_, earlier, "v=0");
  EXPECT_THAT(asked(), IsEmpty());
  offer(7);
  membership_->handle_answer(now_, recording_.key, "v=0");
  EXPECT_THAT(asked(), ElementsAre("answer 7"));
}

TEST_F(MembershipTest, ALostSignallingConnectionIsResumedWithTheNewestToken) {
  join();
  wire::SignalResponse response;
  response.set_refresh_token("newest");
  receive(response);
  lose_signalling();
  pass(0s);
  EXPECT_THAT(asked(), ElementsAre("close", "resume one"));
  EXPECT_EQ(servers_.token, "newest");
  receive(reconnect_response());
  EXPECT_THAT(told(), ElementsAre("resumed"));
}

TEST_F(MembershipTest, ALostMediaConnectionIsResumedAndIfThatDoesNotHelpJoinedAnew) {
  join();
  membership_->handle_media_lost(now_);
  pass(0s);
  EXPECT_THAT(asked(), ElementsAre("resume one"));
  receive(reconnect_response());
  membership_->handle_media_lost(now_);
  pass(1s);
  EXPECT_THAT(asked(), ElementsAre("join one"));
}

TEST_F(MembershipTest, WhatIsKnownToBeWrongIsTheRecordingsSuspicion) {
  join();
  receive(update_of(gone(participant("PA_alice", "alice", {}, ++version_))));
  EXPECT_EQ(recording_.suspected, Fault::publisher);
  enter();
  EXPECT_EQ(recording_.suspected, Fault::network);
  membership_->handle_closed(now_, {EndKind::rejoin, "refused", Fault::server});
  EXPECT_EQ(recording_.suspected, Fault::server);
}

TEST_F(MembershipTest, TheTokenEndpointIsAskedBeforeEachJoining) {
  TokenEndpointConfig config;
  config.url = "http://site/{mint_id}";
  const auto endpoint = TokenEndpoint::create(config).value();
  options_.access.token.clear();
  options_.access.endpoint = &endpoint;
  start();
  EXPECT_THAT(asked(), ElementsAre("ask http://site/m1"));
  reply(200, R"({"token":"first"})");
  EXPECT_THAT(asked(), ElementsAre("join one"));
  EXPECT_EQ(servers_.token, "first");
  enter();
  membership_->handle_closed(now_, {EndKind::rejoin, "gone"});
  pass(1s);
  EXPECT_THAT(asked(), ElementsAre("close", "ask http://site/m1"));
  reply(404, "");
  pass(7s);
  EXPECT_THAT(asked(), ElementsAre("ask http://site/m1"));
  reply(200, R"({"token":"second"})");
  EXPECT_EQ(servers_.token, "second");
}

TEST_F(MembershipTest, AStreamThatIsNotLiveInTimeIsRefused) {
  options_.wait_limit = 20s;
  start();
  membership_->handle_closed(now_, {EndKind::not_live, "the room does not exist yet"});
  pass(19s);
  EXPECT_THAT(told(), IsEmpty());
  pass(1s);
  EXPECT_THAT(told(), ElementsAre("refused"));
  EXPECT_THAT(recording_.why, HasSubstr("not live within 20s: no response from the LiveKit server"));
}

TEST_F(MembershipTest, AStreamThatIsNotWaitedForMustBeLive) {
  options_.wait_limit = {};
  start();
  membership_->handle_closed(now_, {EndKind::not_live, "the room does not exist yet"});
  EXPECT_THAT(told(), ElementsAre("refused"));
}

TEST_F(MembershipTest, OnceItWasLiveItIsWaitedForWithoutThatLimit) {
  options_.wait_limit = {};
  join();
  membership_->handle_closed(now_, {EndKind::not_live, "the room closed"});
  pass(1s);
  EXPECT_THAT(asked(), ElementsAre("close", "join one"));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembershipTest, DoesNotFightAnotherSessionOfItsIdentity) {
  join();
  receive(leave_response(wire::DUPLICATE_IDENTITY, wire::Leave::DISCONNECT));
  EXPECT_THAT(told(), ElementsAre("refused"));
  asked();
  pass(60s);
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(MembershipTest, ADeletedRoomEndsTheStream) {
  join();
  receive(leave_response(wire::ROOM_DELETED, wire::Leave::DISCONNECT));
  EXPECT_THAT(told(), ElementsAre("stream_ended"));
}

TEST_F(MembershipTest, SaysGoodbyeAndTellsTheRecordingNothingMore) {
  join();
  asked();
  membership_->leave(now_);
  offer(9);
  receive(update_of(participant("PA_alice", "alice", {muted(camera("TR_v"))}, ++version_)));
  EXPECT_THAT(asked(), ElementsAre("leave"));
  pass(Room::leave_timeout);
  EXPECT_THAT(asked(), ElementsAre("close"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(membership_->deadline(), never);
}

TEST_F(MembershipTest, AWatcherIsToldWhoPublishesAndIsGivenNoOffer) {
  options_.room.mode = RoomMode::watch;
  start();
  receive(join_response());
  offer(1);
  receive(update_of(participant("PA_alice", "alice", {camera("TR_v")}, ++version_)));
  EXPECT_THAT(told(), ElementsAre("found alice"));
}

TEST_F(MembershipTest, AnOfferThatCannotBeAnsweredEndsIt) {
  join();
  offer(1);
  told();
  membership_->handle_answer(now_, recording_.key, fail(ErrorCode::unsupported, "not so"));
  EXPECT_THAT(told(), ElementsAre("refused"));
  EXPECT_THAT(recording_.why, HasSubstr("not so"));
}

}  // namespace
}  // namespace holdfast::livekit

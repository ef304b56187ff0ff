#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "livekit/room.hpp"
#include "livekit/test_messages.hpp"

namespace holdfast::livekit {

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
  wire::Participant snapshot(const std::string& identity, const std::vector<wire::Track>& tracks) {
    return participant("PA_" + identity, identity, tracks, ++version_);
  }
  void update(const wire::Participant& participant) { receive(update_of(participant)); }
  void publish(const std::string& identity, const std::vector<wire::Track>& tracks) {
    update(snapshot(identity, tracks));
  }
  void leave_room(const std::string& identity) { update(gone(snapshot(identity, {}))); }
  void server_leaves(wire::DisconnectReason reason, wire::Leave::Action action) {
    receive(leave_response(reason, action));
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

}  // namespace holdfast::livekit

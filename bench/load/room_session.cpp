#include "load/room_session.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <set>
#include <utility>

#include "ice/candidate.hpp"
#include "io/clock.hpp"
#include "livekit/signal.pb.h"
#include "livekit/test_messages.hpp"

namespace holdfast::bench {
namespace {

namespace wire = livekit::wire;

constexpr const char* video_sid = "TR_VClvKLoadVideo";
constexpr const char* audio_sid = "TR_AMlvKLoadAudio";
constexpr const char* publisher_sid = "PA_LoadPublisher";

wire::Track microphone() {
  wire::Track track = livekit::microphone(audio_sid);
  track.set_mime_type("audio/opus");
  return track;
}

}  // namespace

void RoomSession::send(const wire::SignalResponse& response) {
  subscriber_->send(response.SerializeAsString());
}

void RoomSession::begin(const Now&) {
  if (auto opened = open_socket({}); !opened) return fail(opened.error().message);
  wire::SignalResponse response = livekit::join_response();
  wire::Join& join = *response.mutable_join();
  join.mutable_room()->set_name(fmt::format("load{}", number_));
  join.mutable_room()->set_sid(fmt::format("RM_load{}", number_));
  join.set_server_version("1.13.5");
  *join.add_other_participants() =
      livekit::participant(publisher_sid, "publisher", {livekit::camera(video_sid), microphone()}, 1);
  send(response);
}

void RoomSession::handle_message(const std::string& message) {
  wire::SignalRequest request;
  if (!request.ParseFromString(message)) return fail("the subscriber sent no message of LiveKit's protocol");
  switch (request.message_case()) {
    case wire::SignalRequest::kSubscription: {
      if (!request.subscription().subscribe() || std::exchange(offered_, true)) break;
      sdp::OfferedTrack channel;
      channel.kind = sdp::Kind::application;
      channel.mid = "0";
      const auto stream = [](const char* track) { return fmt::format("{}|{}", publisher_sid, track); };
      wire::SignalResponse response;
      response.mutable_offer()->set_type("offer");
      response.mutable_offer()->set_id(1);
      response.mutable_offer()->set_sdp(
          make_offer({stream(video_sid), video_sid, stream(audio_sid), audio_sid}, {std::move(channel)}));
      (*response.mutable_offer()->mutable_mid_to_track_id())["1"] = audio_sid;
      (*response.mutable_offer()->mutable_mid_to_track_id())["2"] = video_sid;
      send(response);
      break;
    }
    case wire::SignalRequest::kAnswer:
      handle_answer(request.answer().sdp());
      break;
    case wire::SignalRequest::kPingReq: {
      wire::SignalResponse pong;
      pong.mutable_pong_resp()->set_last_ping_timestamp(request.ping_req().timestamp());
      send(pong);
      break;
    }
    case wire::SignalRequest::kLeave:
      send(livekit::leave_response(wire::CLIENT_INITIATED, wire::Leave::DISCONNECT));
      subscriber_->close();
      close_peer();
      set_state(State::ended);
      break;
    case wire::SignalRequest::kTrickle:
    case wire::SignalRequest::kTrackSetting:
    case wire::SignalRequest::MESSAGE_NOT_SET:
      break;
  }
}

void RoomSession::handle_answer(const std::string& sdp) {
  if (auto accepted = accept_answer(io::read_monotonic_clock(), sdp); !accepted) {
    return fail(accepted.error().message);
  }
  // As the server does it: the candidate comes by itself.
  const Endpoint at{IpAddress::from_v4(127, 0, 0, 1), local_endpoint().port};
  wire::SignalResponse response;
  response.mutable_trickle()->set_target(wire::SUBSCRIBER);
  response.mutable_trickle()->set_final(true);
  response.mutable_trickle()->set_candidate_init(boost::json::serialize(boost::json::object{
      {"candidate", ice::Candidate::host(at, 65'535).to_sdp()}, {"sdpMid", "0"}, {"sdpMLineIndex", 0}}));
  send(response);
}

void RoomSession::handle_closed() {
  if (state() == State::leaving) {
    close_peer();
    return set_state(State::ended);
  }
  if (state() != State::ended) fail("the subscriber's signalling connection is gone");
}

void RoomSession::end(const Now&) {
  send(livekit::leave_response(wire::ROOM_DELETED, wire::Leave::DISCONNECT));
  subscriber_->close();
  set_state(State::leaving);  // the subscriber is told first, that it does not take the end for a break
}

}  // namespace holdfast::bench

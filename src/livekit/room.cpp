#include "livekit/room.hpp"

#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ranges>
#include <utility>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;

// The server's wishes, within reason (s).
Duration read_interval(std::int32_t seconds, std::int32_t fallback) {
  return std::chrono::seconds(std::clamp(seconds > 0 ? seconds : fallback, 1, 300));
}

wire::VideoQuality wire_quality(Quality quality) {
  switch (quality) {
    case Quality::low:
      return wire::LOW;
    case Quality::medium:
      return wire::MEDIUM;
    case Quality::high:
      return wire::HIGH;
  }
  return wire::HIGH;
}

std::vector<IceServer> read_ice_servers(const auto& servers) {
  std::vector<IceServer> read;
  for (const wire::IceServer& server : servers) {
    read.push_back({{server.urls().begin(), server.urls().end()}, server.username(), server.credential()});
  }
  return read;
}

}  // namespace

Room::Room(RoomConfig config, RoomEvents& events, SignalSink& sink, Instant now)
    : config_(std::move(config)),
      events_(events),
      sink_(sink),
      participant_(config_.participant),
      join_deadline_(now + config_.join_timeout) {}

void Room::handle_message(Bytes message, Instant now) {
  if (ended_) return;
  const google::protobuf::LogSilencer silencer;  // what is malformed is counted, not written to stderr
  wire::SignalResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    ++malformed_messages_;
    return;
  }
  if (joined_ && !resuming_) silent_at_ = now + ping_timeout_;

  switch (response.message_case()) {
    case wire::SignalResponse::kJoin:
      return handle_join(response.join(), now);
    case wire::SignalResponse::kUpdate:
      for (const wire::Participant& participant : response.update().participants())
        handle_participant(participant);
      return reconsider(now);
    case wire::SignalResponse::kOffer: {
      const wire::SessionDescription& offer = response.offer();
      const auto& mids = offer.mid_to_track_id();
      return events_.on_offer({offer.id(), offer.sdp(), {mids.begin(), mids.end()}});
    }
    case wire::SignalResponse::kTrickle:
      return handle_trickle(response.trickle());
    case wire::SignalResponse::kLeave:
      return handle_leave(response.leave());
    case wire::SignalResponse::kRefreshToken:
      return events_.on_token(response.refresh_token());
    case wire::SignalResponse::kReconnect:
      return handle_resumed(response.reconnect(), now);
    case wire::SignalResponse::kSubscriptionPermissionUpdate:
      handle_permission(response.subscription_permission_update());
      return reconsider(now);
    case wire::SignalResponse::kSubscriptionResponse:
      handle_subscription_response(response.subscription_response());
      return reconsider(now);
    case wire::SignalResponse::kPongResp:  // any message is a sign of life
    case wire::SignalResponse::MESSAGE_NOT_SET:
      return;
  }
}

void Room::handle_join(const wire::Join& join, Instant now) {
  if (joined_) {
    ++malformed_messages_;
    return;
  }
  if (join.participant().has_permission() && !join.participant().permission().can_subscribe()) {
    return end({EndKind::refused, "the token does not allow subscribing (video.canSubscribe)"});
  }
  joined_ = true;
  ping_interval_ = read_interval(join.ping_interval(), 5);
  ping_timeout_ = std::max(read_interval(join.ping_timeout(), 15), 2 * ping_interval_);
  own_sid_ = join.participant().sid();
  expect_signs_of_life(now);
  events_.on_ice_servers(read_ice_servers(join.ice_servers()));
  events_.on_joined(join.room().name(), join.participant().sid());
  for (const wire::Participant& participant : join.other_participants()) handle_participant(participant);
  reconsider(now);
}

void Room::expect_signs_of_life(Instant now) {
  ping_at_ = now + ping_interval_;
  silent_at_ = now + ping_timeout_;
}

void Room::resume(Instant now) {
  ended_ = false;
  resuming_ = true;
  join_deadline_ = now + config_.join_timeout;
  ping_at_ = silent_at_ = never;
}

void Room::handle_resumed(const wire::Reconnect& reconnect, Instant now) {
  if (!std::exchange(resuming_, false)) {
    ++malformed_messages_;
    return;
  }
  expect_signs_of_life(now);
  events_.on_ice_servers(read_ice_servers(reconnect.ice_servers()));
  events_.on_resumed();
}

void Room::handle_participant(const wire::Participant& info) {
  if (roster_.apply(info) == Roster::Change::left) handle_participant_gone(info.identity());
}

void Room::handle_participant_gone(const std::string& identity) {
  if (reported_publishers_.erase(identity) > 0) events_.on_participant_gone(identity);
  if (config_.mode == RoomMode::watch || identity != participant_) return;
  choose_tracks();  // takes its tracks away before it is said to have left
  events_.on_publisher_left(identity);
}

void Room::handle_trickle(const wire::Trickle& trickle) {
  if (trickle.target() != wire::SUBSCRIBER) return;
  json::error_code error;
  const json::value init = json::parse(trickle.candidate_init(), error);
  const json::value* candidate =
      !error && init.is_object() ? init.get_object().if_contains("candidate") : nullptr;
  if (candidate == nullptr || !candidate->is_string()) {
    // The last one, marked `final`, may be empty.
    if (!trickle.final()) ++malformed_messages_;
    return;
  }
  const json::string& text = candidate->get_string();
  if (!text.empty()) events_.on_candidate({text.data(), text.size()});
}

void Room::handle_leave(const wire::Leave& leave) {
  Ended ended = ending_of_leave(leave);
  // Those who were there are recorded each by itself, and waited for there.
  if (ended.kind == EndKind::not_live && config_.mode == RoomMode::watch && found_)
    ended.kind = EndKind::stream_ended;
  end(std::move(ended));
}

void Room::handle_permission(const wire::SubscriptionPermissionUpdate& update) {
  if (update.allowed()) {
    roster_.allow(update.track_sid());
  } else {
    refuse(update.track_sid(), "its publisher does not allow Holdfast to subscribe");
  }
}

void Room::handle_subscription_response(const wire::SubscriptionResponse& response) {
  if (response.err() != wire::SubscriptionResponse::TRACK_NOT_FOUND) {
    return refuse(response.track_sid(), "the server cannot send it in a codec that Holdfast supports");
  }
  // Comes a minute after the request; if the track is still announced, it is asked for again.
  for (std::optional<Track>& track : selected_) {
    if (track && track->sid == response.track_sid()) select(track->kind, nullptr);
  }
}

void Room::refuse(const std::string& sid, std::string_view why) {
  roster_.refuse(sid, why);
  const auto is_other = [&](const auto& track) { return track && track->sid != sid; };
  if (std::ranges::none_of(selected_, is_other)) found_ = false;
}

void Room::reconsider(Instant now) {
  if (!joined_) return;
  if (config_.mode == RoomMode::watch) {
    report_publishers();
    return report_refusals();
  }
  choose_participant(now);
  choose_tracks();
  report_refusals();
  end_if_nothing_left(now);
}

void Room::choose_participant(Instant now) {
  if (!participant_.empty()) return;
  const auto first_with = [&](media::Kind kind) -> const Publisher* {
    const auto publishers = roster_.publishers();
    const auto it = std::ranges::find_if(publishers, [&](const Publisher& p) { return p.can_record(kind); });
    return it == publishers.end() ? nullptr : &*it;
  };
  const Publisher* publisher = first_with(media::Kind::video);
  if (publisher == nullptr) {
    publisher = first_with(media::Kind::audio);
    audio_alone_at_ = publisher == nullptr ? never : std::min(audio_alone_at_, now + config_.track_wait);
    if (now < audio_alone_at_) return;
  }
  participant_ = publisher->identity;
  audio_alone_at_ = never;
}

void Room::choose_tracks() {
  const Publisher* publisher = participant_.empty() ? nullptr : roster_.find(participant_);
  const std::span<const Track> tracks = publisher == nullptr ? std::span<const Track>() : publisher->tracks;
  const auto current_sid = [&](media::Kind kind) {
    return selected(kind) ? selected(kind)->sid : std::string();
  };
  const Track* video = choose_video(tracks, current_sid(media::Kind::video));
  const Track* audio = choose_audio(tracks, video, current_sid(media::Kind::audio));
  select(media::Kind::video, video);
  select(media::Kind::audio, audio);
}

void Room::select(media::Kind kind, const Track* wanted) {
  std::optional<Track>& current = selected(kind);
  if (current && (wanted == nullptr || wanted->sid != current->sid)) {
    const Track old = *std::exchange(current, std::nullopt);
    if (roster_.find_track(old.sid) != nullptr) unsubscribe(old);
    events_.on_track_removed(old);
  }
  if (wanted == nullptr || current == *wanted) return;
  const bool added = !current;
  current = *wanted;
  if (!added) return events_.on_track_changed(*current);
  found_ = true;
  subscribe(*current);
  events_.on_track_added(*current);
}

void Room::report_publishers() {
  for (const Publisher& publisher : roster_.publishers()) {
    if (publisher.can_record() && reported_publishers_.insert(publisher.identity).second) {
      found_ = true;
      events_.on_participant(publisher.identity);
    }
  }
}

void Room::report_refusals() {
  std::erase_if(reported_refusals_, [&](const std::string& sid) {
    const Track* track = roster_.find_track(sid);
    return track == nullptr || track->can_record();
  });
  for (const Publisher& publisher : roster_.publishers()) {
    if (!in_scope(publisher)) continue;
    for (const Track& track : publisher.tracks) {
      if (!track.can_record() && reported_refusals_.insert(track.sid).second) events_.on_track_refused(track);
    }
  }
}

void Room::end_if_nothing_left(Instant now) {
  std::string reasons;
  bool hopeless = !found_;
  for (const Publisher& publisher : roster_.publishers()) {
    if (!in_scope(publisher)) continue;
    hopeless = hopeless && !publisher.can_record();
    // Two tracks of one publisher explain it; more would only make the sentence long.
    for (const Track& track : publisher.tracks | std::views::take(2)) {
      if (reasons.size() < 512 && !track.can_record()) reasons += "; " + track.refusal;
    }
  }
  if (!hopeless || reasons.empty()) {
    nothing_left_at_ = never;
    return;
  }
  nothing_left_at_ = std::min(nothing_left_at_, now + config_.track_wait);
  if (now >= nothing_left_at_)
    end({EndKind::refused, "none of the published tracks can be recorded" + reasons});
}

bool Room::in_scope(const Publisher& publisher) const {
  return participant_.empty() || publisher.identity == participant_;
}

void Room::handle_timeout(Instant now) {
  if (ended_) return;
  if (now >= leave_deadline_) return end({EndKind::left, {}});
  if (!joined_ || resuming_) {
    if (now < join_deadline_) return;
    return end(
        {EndKind::rejoin,
         fmt::format("no response from the LiveKit server within {} s", to_seconds(config_.join_timeout)),
         Fault::network});
  }
  if (now >= silent_at_) {
    return end({EndKind::resume,
                fmt::format("the LiveKit server was silent for {} s", to_seconds(ping_timeout_)),
                Fault::network});
  }
  if (now >= ping_at_) {
    ping_at_ = now + ping_interval_;
    wire::SignalRequest request;
    request.mutable_ping_req()->set_timestamp(to_milliseconds(now.time_since_epoch()));
    send(request);
  }
  reconsider(now);
}

Instant Room::deadline() const {
  if (ended_) return never;
  if (!joined_ || resuming_) return std::min(join_deadline_, leave_deadline_);
  return std::min({leave_deadline_, silent_at_, ping_at_, audio_alone_at_, nothing_left_at_});
}

void Room::handle_closed(Ended ended) {
  if (ended_) return;
  if (!joined_ && ended.kind == EndKind::resume)
    ended.kind = EndKind::rejoin;  // there is no session to resume
  // A server that cannot be reached may still have our session; a token that it does not take may be
  // replaced.
  if (resuming_ && ended.kind == EndKind::rejoin) ended.kind = EndKind::resume;
  if (resuming_ && ended.kind == EndKind::refused) ended.kind = EndKind::rejoin;
  end(std::move(ended));
}

void Room::send_answer(std::uint32_t offer_id, std::string_view sdp) {
  wire::SignalRequest request;
  wire::SessionDescription& answer = *request.mutable_answer();
  answer.set_type("answer");
  answer.set_sdp(sdp.data(), sdp.size());
  answer.set_id(offer_id);
  send(request);
}

void Room::send_candidate(std::string_view candidate, std::string_view mid) {
  wire::SignalRequest request;
  wire::Trickle& trickle = *request.mutable_trickle();
  trickle.set_target(wire::SUBSCRIBER);
  trickle.set_candidate_init(json::serialize(json::object{{"candidate", candidate}, {"sdpMid", mid}}));
  send(request);
}

void Room::leave(Instant now) {
  if (ended_ || leave_deadline_ != never) return;
  leave_deadline_ = joined_ ? now + leave_timeout : now;
  wire::SignalRequest request;
  request.mutable_leave()->set_reason(wire::CLIENT_INITIATED);
  send(request);
}

void Room::subscribe(const Track& track) {
  wire::SignalRequest request;
  request.mutable_subscription()->add_track_sids(track.sid);
  request.mutable_subscription()->set_subscribe(true);
  send(request);
  if (track.kind != media::Kind::video) return;
  request.mutable_track_setting()->add_track_sids(track.sid);
  request.mutable_track_setting()->set_quality(wire_quality(config_.quality));
  send(request);
}

void Room::unsubscribe(const Track& track) {
  wire::SignalRequest request;
  request.mutable_subscription()->add_track_sids(track.sid);
  send(request);
}

void Room::send(const wire::SignalRequest& request) {
  if (ended_) return;
  request.SerializeToString(&buffer_);
  sink_.send(as_bytes(buffer_));
}

// Nothing of the room is touched after on_ended(): its owner may destroy it there.
void Room::end(Ended ended) {
  ended_ = true;
  if (leave_deadline_ != never) ended = {EndKind::left, "Holdfast left the room", ended.fault};
  events_.on_ended(ended);
}

}  // namespace holdfast::livekit

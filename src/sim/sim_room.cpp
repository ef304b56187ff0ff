#include "sim/sim_room.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "livekit/test_messages.hpp"

namespace holdfast::sim {
namespace {

using namespace std::chrono_literals;
using livekit::EndKind;
namespace wire = livekit::wire;

constexpr Duration signalling_delay = 20ms;
constexpr Duration connect_timeout = 10s;
constexpr Duration debounce = 150ms;         // changes that come together make one offer
constexpr Duration kept_after_failure = 5s;  // a session whose ICE failed, for a resume
constexpr Duration tail = 200ms;
constexpr std::array<std::uint8_t, 80> silence{0xf8, 0xff, 0xfe};

}  // namespace

// --- The way

void SimRoom::travel(std::function<void()> arrives) {
  const Instant from = is_cut() && cut_ == Cut::silent ? cut_until_ : clock_.now();  // TCP tries again
  clock_.schedule(from + signalling_delay, [this, arrives = std::move(arrives), connection = connection_] {
    if (connection == connection_ && handler_ != nullptr) arrives();
  });
}

void SimRoom::connect(const std::string& target, const std::string& token, SimSignalHandler& handler) {
  ++connection_;
  handler_ = &handler;
  open_ = false;
  tokens_.insert(token);
  const bool unreachable = is_cut() && (cut_ == Cut::broken || cut_until_ - clock_.now() > connect_timeout);
  if (unreachable) {
    clock_.schedule_in(cut_ == Cut::broken ? signalling_delay : connect_timeout, [this, of = connection_] {
      if (of == connection_) close_with({EndKind::rejoin, "unreachable", livekit::Fault::network});
    });
    return;
  }
  travel([this, target, token] {
    if (!alive_) return close_with({EndKind::rejoin, "nobody listens there"});
    if (expired_.contains(token)) {
      ++refused_tokens_;
      return close_with(livekit::ending_of_refusal(401, "invalid token: x, error: token is expired (exp)"));
    }
    open_ = true;
    target.find("reconnect=1") != target.npos ? resume() : join();
  });
}

void SimRoom::send(Bytes message) {
  wire::SignalRequest request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) std::abort();
  travel([this, request] {
    if (open_ && alive_) handle_request(request);
  });
}

void SimRoom::close() {
  ++connection_;
  handler_ = nullptr;
  open_ = false;
}

void SimRoom::respond(const wire::SignalResponse& response) {
  if (!open_) return;
  travel([this, bytes = response.SerializeAsString()] { handler_->handle_message(as_bytes(bytes)); });
}

void SimRoom::close_with(livekit::Ended why) {
  open_ = false;
  travel([this, why = std::move(why)] { std::exchange(handler_, nullptr)->handle_closed(why); });
}

void SimRoom::cut_signalling(Cut cut, Duration span) {
  cut_ = cut;
  cut_until_ = clock_.now() + span;
  if (cut == Cut::broken && handler_ != nullptr) close_with({EndKind::resume, "connection reset"});
}

// --- Sessions

void SimRoom::join() {
  forget_session();
  ++joins_;
  SimForwarder& forwarder = forwarders_.emplace_back(clock_, net_, media_, random_.next_u64());
  forwarder.on_state_change = [this, &forwarder](peer::State state) {
    handle_media_state(&forwarder, state);
  };
  forwarder.add_data_channel();
  session_ = Session{};
  session_->sid = fmt::format("PA_us{}", joins_);
  session_->forwarder = &forwarder;
  session_->offer_id = static_cast<std::uint32_t>(random_.below(256));

  wire::SignalResponse response = livekit::join_response();
  response.mutable_join()->mutable_participant()->set_sid(session_->sid);
  for (const Participant& each : participants_)
    *response.mutable_join()->add_other_participants() = snapshot(each);
  respond(response);
  wire::SignalResponse refresh;
  refresh.set_refresh_token(fmt::format("refreshed-{}", joins_));
  tokens_.insert(refresh.refresh_token());
  respond(refresh);
  session_->has_changed = true;
  plan_offer(10ms);
}

void SimRoom::resume() {
  if (!session_) {
    respond(livekit::leave_response(wire::STATE_MISMATCH, wire::Leave::RECONNECT));
    return close_with({EndKind::resume, "closed by the server"});
  }
  ++resumes_;
  respond(livekit::reconnect_response());
  for (const Participant& each : participants_) tell_of(each);
  session_->failed = false;
  session_->awaits_answer = false;  // an answer that was lost with the former connection
  session_->restarts = session_->has_changed = true;
  plan_offer(50ms);
}

void SimRoom::handle_media_state(const SimForwarder* forwarder, peer::State state) {
  if (state != peer::State::failed || !session_ || session_->forwarder != forwarder) return;
  session_->failed = true;
  respond(livekit::leave_response(wire::CONNECTION_TIMEOUT, wire::Leave::RESUME));
  if (open_) close_with({EndKind::resume, "closed by the server"});
  clock_.schedule_in(kept_after_failure, [this, forwarder] {
    if (session_ && session_->forwarder == forwarder && session_->failed) forget_session();
  });
}

void SimRoom::forget_session() {
  if (!session_) return;
  session_->forwarder->stop();
  for (Track& track : tracks_) {
    track.downtrack = nullptr;
    track.offered = track.bound = track.flows = false;
  }
  session_.reset();
}

void SimRoom::end_session(wire::DisconnectReason reason, wire::Leave::Action action) {
  respond(livekit::leave_response(reason, action));
  if (open_) close_with({EndKind::resume, "closed by the server"});
  forget_session();
}

void SimRoom::kill() {
  alive_ = false;
  forget_session();
  for (Track& track : tracks_) track.published = false;
  participants_.clear();
  if (handler_ != nullptr) close_with({EndKind::resume, "connection reset"});
}

void SimRoom::expire_tokens() {
  expired_ = tokens_;
}

// --- Requests

void SimRoom::handle_request(const wire::SignalRequest& request) {
  if (!session_) return;
  switch (request.message_case()) {
    case wire::SignalRequest::kAnswer:
      if (request.answer().id() == session_->offer_id) handle_answer(request.answer().sdp());
      break;
    case wire::SignalRequest::kSubscription:
      for (const std::string& sid : request.subscription().track_sids()) {
        Track* track = find(sid);
        if (track == nullptr) continue;
        request.subscription().subscribe() ? subscribe(*track) : unsubscribe(*track);
      }
      break;
    case wire::SignalRequest::kPingReq: {
      wire::SignalResponse pong;
      pong.mutable_pong_resp()->set_last_ping_timestamp(request.ping_req().timestamp());
      respond(pong);
      break;
    }
    case wire::SignalRequest::kLeave:
      end_session(wire::CLIENT_INITIATED, wire::Leave::DISCONNECT);
      break;
    default:
      break;
  }
}

void SimRoom::handle_answer(const std::string& sdp) {
  if (!session_->awaits_answer) return;
  session_->awaits_answer = false;
  if (!session_->forwarder->accept_answer(sdp))
    return end_session(wire::STATE_MISMATCH, wire::Leave::RECONNECT);
  for (Track& track : tracks_) track.bound = track.downtrack != nullptr && track.offered;
  if (session_->has_changed) plan_offer({});
}

void SimRoom::subscribe(Track& track) {
  session_->subscribed.insert(track.info.sid());
  if (!track.published || track.downtrack != nullptr) return;
  track.downtrack = track.is_video() ? &session_->forwarder->add_video(track.info.sid(), track.codec)
                                     : &session_->forwarder->add_audio(track.info.sid());
  session_->has_changed = true;
  plan_offer(debounce);
}

void SimRoom::unsubscribe(Track& track) {
  if (track.downtrack == nullptr) return;
  session_->subscribed.erase(track.info.sid());
  SimDowntrack* const downtrack = track.downtrack;
  if (track.flows && track.is_video()) {
    for (int i = 0; i < 6; ++i) {
      track.last_timestamp += 3000;
      for (std::size_t part = 0; part < blank_picture.size(); ++part) {
        downtrack->forward(clock_.now(), blank_picture[part], track.last_timestamp,
                           part + 1 == blank_picture.size(), SimDowntrack::Begins::key_frame);
      }
    }
  }
  if (track.flows && !track.is_video() && !track.info.muted()) make_up_silence(track, 10);
  track.bound = track.flows = false;
  clock_.schedule_in(tail, [this, &track, downtrack] {
    if (track.downtrack != downtrack) return;
    session_->forwarder->remove(*std::exchange(track.downtrack, nullptr));
    track.offered = false;
    session_->has_changed = true;
    plan_offer(debounce);
  });
}

void SimRoom::plan_offer(Duration delay) {
  if (std::exchange(session_->offer_planned, true)) return;
  clock_.schedule_in(delay, [this, forwarder = session_->forwarder] {
    if (!session_ || session_->forwarder != forwarder) return;
    session_->offer_planned = false;
    offer_if_due();
  });
}

// One offer at a time: what changes meanwhile waits for its answer.
void SimRoom::offer_if_due() {
  if (!open_ || session_->awaits_answer || !std::exchange(session_->has_changed, false)) return;
  wire::SignalResponse response;
  wire::SessionDescription& offer = *response.mutable_offer();
  offer.set_type("offer");
  offer.set_id(++session_->offer_id);
  offer.set_sdp(std::exchange(session_->restarts, false) ? session_->forwarder->restart_offer()
                                                         : session_->forwarder->offer());
  for (Track& track : tracks_) track.offered = track.downtrack != nullptr;
  session_->awaits_answer = true;
  respond(response);
}

// --- Publishers

SimRoom::Participant& SimRoom::participant(const std::string& identity) {
  const auto known = std::ranges::find(participants_, identity, &Participant::identity);
  if (known != participants_.end()) return *known;
  return participants_.emplace_back(identity, fmt::format("PA_{}{}", identity, ++participants_so_far_));
}

SimRoom::Track* SimRoom::find(const std::string& sid) {
  const auto found =
      std::ranges::find_if(tracks_, [&](const Track& track) { return track.info.sid() == sid; });
  return found == tracks_.end() ? nullptr : &*found;
}

wire::Participant SimRoom::snapshot(const Participant& participant) const {
  std::vector<wire::Track> tracks;
  for (const Track& track : tracks_) {
    if (track.published && track.identity == participant.identity) tracks.push_back(track.info);
  }
  auto info = livekit::participant(participant.sid, participant.identity, tracks, participant.version);
  info.set_joined_at_ms(to_milliseconds(clock_.wall().time_since_epoch()));
  return info;
}

void SimRoom::tell_of(const Participant& participant) {
  respond(livekit::update_of(snapshot(participant)));
}

SimRoom::Track& SimRoom::publish(const std::string& identity, const wire::Track& info,
                                 const sdp::Codec& codec) {
  Participant& publisher = participant(identity);
  ++publisher.version;
  Track& track = tracks_.emplace_back();
  track.identity = identity;
  track.info = info;
  track.codec = codec;
  tell_of(publisher);
  return track;
}

void SimRoom::unpublish(Track& track) {
  if (!std::exchange(track.published, false)) return;
  if (session_) unsubscribe(track);
  Participant& publisher = participant(track.identity);
  ++publisher.version;
  tell_of(publisher);
}

void SimRoom::mute(Track& track, bool muted) {
  track.info.set_muted(muted);
  if (muted && track.flows && !track.is_video()) make_up_silence(track, 50);
  track.flows = false;
  Participant& publisher = participant(track.identity);
  ++publisher.version;
  tell_of(publisher);
}

void SimRoom::leave(const std::string& identity) {
  for (Track& track : tracks_) {
    if (track.identity != identity || !std::exchange(track.published, false)) continue;
    if (session_) unsubscribe(track);
  }
  const auto publisher = std::ranges::find(participants_, identity, &Participant::identity);
  if (publisher == participants_.end()) return;
  ++publisher->version;
  respond(livekit::update_of(livekit::gone(snapshot(*publisher))));
  participants_.erase(publisher);
}

// The first one may repeat the timestamp before it.
void SimRoom::make_up_silence(Track& track, int packets) {
  for (int i = 0; i < packets; ++i) {
    clock_.schedule_in(
        i * 20ms, [this, &track, downtrack = track.downtrack, i, timestamp = track.last_timestamp] {
          if (track.downtrack != downtrack) return;
          downtrack->forward(clock_.now(), silence, timestamp + static_cast<std::uint32_t>(i) * 961, true);
        });
  }
}

void SimRoom::forward(Track& track, Bytes payload, std::uint32_t timestamp, bool marker,
                      SimDowntrack::Begins begins) {
  if (!track.published || !track.bound || track.info.muted() || !has_keys()) return;
  if (!track.flows && track.is_video() && begins != SimDowntrack::Begins::key_frame) {
    track.key_frame_wanted = true;
    return;
  }
  track.flows = true;
  track.last_timestamp = timestamp;
  track.downtrack->forward(clock_.now(), payload, timestamp, marker, begins);
  forwarded_.emplace_back(track.downtrack, track.downtrack->counters().forwarded - 1);
  if (track.downtrack->take_key_frame_request()) track.key_frame_wanted = true;
}

std::vector<Instant> SimRoom::arrivals() const {
  std::vector<Instant> arrivals;
  for (const auto& [downtrack, index] : forwarded_) {
    if (const auto& arrival = downtrack->arrival(index)) arrivals.push_back(*arrival);
  }
  return arrivals;
}

SimDowntrack::Known SimRoom::known(std::uint32_t clock_rate, Duration patience,
                                   std::span<const SimDowntrack::Dark> dark) const {
  SimDowntrack::Known all;
  for (const SimForwarder& forwarder : forwarders_) {
    for (const SimDowntrack& downtrack : forwarder.downtracks()) {
      if (downtrack.clock_rate() != clock_rate) continue;
      const SimDowntrack::Known known = downtrack.known(patience, dark);
      all.packets += known.packets;
      all.past_saving += known.past_saving;
      all.tries_left += known.tries_left;
    }
  }
  return all;
}

}  // namespace holdfast::sim

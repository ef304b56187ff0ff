#include "livekit/membership.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/log.hpp"
#include "base/units.hpp"
#include "livekit/token.hpp"

namespace holdfast::livekit {

Membership::Membership(Options options, Random& random, Signalling& signalling, Subscriber& subscriber)
    : options_(std::move(options)),
      random_(random),
      signalling_(signalling),
      subscriber_(subscriber),
      identity_(make_identity(random)),
      continuity_(random) {}

void Membership::start(const Now& now) {
  now_ = now;
  if (options_.wait_limit > Duration::zero()) wait_until_ = now.instant + options_.wait_limit;
  seek();
}

void Membership::leave(const Now& now) {
  now_ = now;
  phase_ = Phase::done;
  if (room_) room_->leave(now.instant);
}

// Finds a token, and with it the server.
void Membership::seek() {
  const RoomAccess& access = options_.access;
  if (!access.token.empty()) {
    join(access.server_url, newest_token_.empty() ? access.token : newest_token_);
  } else if (access.endpoint != nullptr) {
    signalling_.ask(access.endpoint->request(options_.mint_id));
  } else {
    TokenGrant grant;
    grant.api_key = access.api_key;
    grant.api_secret = access.api_secret;
    grant.room = access.room;
    grant.identity = identity_;
    join(access.server_url, make_token(grant, now_.wall));
  }
}

void Membership::handle_endpoint_reply(const Now& now, const Result<HttpResponse>& reply) {
  now_ = now;
  if (phase_ == Phase::done) return;
  const auto outcome = options_.access.endpoint->handle_reply(reply, now.wall, random_);
  if (const auto* live = std::get_if<LiveToken>(&outcome)) {
    join(live->server_url.empty() ? options_.access.server_url : live->server_url, live->token);
  } else if (const auto* later = std::get_if<AskLater>(&outcome)) {
    try_later(later->wait, later->why.message);
  } else {
    end(Outcome::refused, std::get<Error>(outcome).message);
  }
}

void Membership::join(const std::string& server_url, std::string token) {
  auto server = ServerUrl::parse(server_url);
  if (!server) return end(Outcome::refused, server.error().message);
  server_ = std::move(*server);
  token_ = std::move(token);
  first_offer_ = true;
  ++stays_;
  RoomEvents& events = *this;
  room_.emplace(options_.room, events, signalling_, now_.instant);
  signalling_.connect(server_, signal_target(server_), token_);
}

void Membership::resume() {
  if (!newest_token_.empty()) token_ = newest_token_;
  signalling_.connect(server_, resume_target(server_, room_->own_sid()), token_);
  room_->resume(now_.instant);
}

void Membership::try_later(Duration delay, std::string why) {
  last_reason_ = std::move(why);
  if (!live_ && options_.wait_limit == Duration::zero())
    return end(Outcome::refused, fmt::format("the stream is not live: {}", last_reason_));
  next_step_ = Continuity::Step::join;
  retry_at_ = now_.instant + delay;
}

void Membership::reconnect(Continuity::Attempt attempt, const std::string& why) {
  phase_ = Phase::seeking;
  const bool resumes = attempt.step == Continuity::Step::resume;
  log::info("{}: {} in {} ms: {}", options_.recording_id,
            resumes ? "resuming the session" : "rejoining the room", to_milliseconds(attempt.wait), why);
  if (!resumes) return try_later(attempt.wait, why);
  next_step_ = attempt.step;
  retry_at_ = now_.instant + attempt.wait;
}

void Membership::note_live() {
  live_ = true;
  wait_until_ = never;
}

void Membership::end(Outcome outcome, const std::string& why) {
  phase_ = Phase::done;
  subscriber_.end(outcome, why);
}

void Membership::handle_message(const Now& now, Bytes message) {
  now_ = now;
  if (room_) room_->handle_message(message, now.instant);
}

void Membership::handle_closed(const Now& now, Ended why) {
  now_ = now;
  if (room_) room_->handle_closed(std::move(why));
}

void Membership::handle_answer(const Now& now, const OfferKey& key, const Result<std::string>& answer) {
  now_ = now;
  if (phase_ == Phase::done || key.stay != stays_) return;
  if (answer) {
    room_->send_answer(key.id, *answer);
  } else {
    end(Outcome::refused, fmt::format("cannot answer the server's offer: {}", answer.error().message));
  }
}

void Membership::handle_media_lost(const Now& now) {
  now_ = now;
  if (phase_ == Phase::joined)
    reconnect(continuity_.after_media_loss(now.instant), "the media connection failed");
}

void Membership::handle_timeout(const Now& now) {
  now_ = now;
  if (room_ && room_->deadline() <= now.instant) room_->handle_timeout(now.instant);
  if (phase_ == Phase::done) return;
  if (now.instant >= wait_until_) {
    const std::string detail = last_reason_.empty() ? "" : ": " + last_reason_;
    return end(Outcome::refused, fmt::format("the stream was not live within {}{}",
                                             format_duration(options_.wait_limit), detail));
  }
  if (now.instant < retry_at_) return;
  retry_at_ = never;
  next_step_ == Continuity::Step::resume ? resume() : seek();
}

Instant Membership::deadline() const {
  const Instant room = room_ ? room_->deadline() : never;
  return phase_ == Phase::done ? room : std::min({room, retry_at_, wait_until_});
}

void Membership::on_joined(std::string_view room_name, std::string_view) {
  if (phase_ == Phase::done) return;
  phase_ = Phase::joined;
  continuity_.handle_connected(now_.instant);
  log::info("{}: joined room {}", options_.recording_id, room_name);
  // Nothing is suspected any more, and what an earlier session announced is void: the room tells what there
  // is.
  subscriber_.suspect(Fault::network);
  for (const media::Kind kind : {media::Kind::video, media::Kind::audio}) subscriber_.retract(kind);
}

void Membership::on_resumed() {
  if (phase_ == Phase::done) return;
  phase_ = Phase::joined;
  continuity_.handle_connected(now_.instant);
  log::info("{}: session resumed", options_.recording_id);
  subscriber_.suspect(Fault::network);
  subscriber_.note_resumed();
}

void Membership::on_ice_servers(const std::vector<IceServer>& servers) {
  if (phase_ != Phase::done) subscriber_.set_ice_servers(servers);
}

void Membership::on_offer(const Offer& offer) {
  if (phase_ == Phase::done || options_.room.mode == RoomMode::watch) return;
  const bool first = std::exchange(first_offer_, false);
  subscriber_.accept_offer({stays_, offer.id}, offer.sdp,
                           first ? MediaConnection::renewed : MediaConnection::same);
}

void Membership::on_candidate(std::string_view candidate) {
  if (phase_ != Phase::done) subscriber_.add_candidate(candidate);
}

void Membership::on_track_added(const Track& track) {
  if (phase_ == Phase::done) return;
  note_live();
  subscriber_.suspect(Fault::network);
  subscriber_.announce(track);
}

void Membership::on_track_changed(const Track& track) {
  if (phase_ != Phase::done) subscriber_.announce(track);
}

void Membership::on_track_removed(const Track& track) {
  if (phase_ != Phase::done) subscriber_.retract(track.kind);
}

void Membership::on_track_refused(const Track& track) {
  if (phase_ != Phase::done) subscriber_.warn(track.refusal);
}

void Membership::on_publisher_left(std::string_view identity) {
  if (phase_ == Phase::done) return;
  subscriber_.suspect(Fault::publisher);
  log::info("{}: {} left the room; waiting up to gap_limit for that participant to return",
            options_.recording_id, identity);
}

void Membership::on_participant(std::string_view identity) {
  if (phase_ == Phase::done) return;
  note_live();
  subscriber_.handle_publisher(identity);
}

void Membership::on_token(std::string_view token) {
  newest_token_ = token;
}

void Membership::on_ended(const Ended& ended) {
  signalling_.close();
  if (phase_ == Phase::done) return;
  switch (ended.kind) {
    case EndKind::left:
    case EndKind::stream_ended:
      return end(Outcome::stream_ended, ended.why);
    case EndKind::refused:
      return end(Outcome::refused, ended.why);
    case EndKind::not_live:
    case EndKind::resume:
    case EndKind::rejoin:
      subscriber_.suspect(ended.fault);
      return reconnect(continuity_.after_end(ended.kind, now_.instant), ended.why);
  }
}

}  // namespace holdfast::livekit

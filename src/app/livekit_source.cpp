#include "app/livekit_source.hpp"

#include <fmt/format.h>

#include <utility>

#include "app/config.hpp"
#include "app/turn_servers.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "livekit/token.hpp"

namespace holdfast::app {
namespace {

recording::GapCause cause_of(livekit::Fault fault) {
  switch (fault) {
    case livekit::Fault::server:
      return recording::GapCause::server;
    case livekit::Fault::network:
      return recording::GapCause::network;
    case livekit::Fault::publisher:
      return recording::GapCause::left;
  }
  return recording::GapCause::network;
}

}  // namespace

LivekitSource::LivekitSource(const Context& context, Options options, RecordingTask& task, Watcher* watcher)
    : context_(context),
      options_(std::move(options)),
      task_(task),
      watcher_(watcher),
      identity_(livekit::make_identity(context.random)),
      retry_(context.control),
      wait_limit_(context.control),
      continuity_(context.random) {}

LivekitSource::~LivekitSource() = default;

void LivekitSource::start() {
  if (options_.wait_limit > Duration::zero()) {
    wait_limit_.start(options_.wait_limit, [this] {
      const std::string detail = last_reason_.empty() ? "" : ": " + last_reason_;
      give_up(
          fmt::format("the stream was not live within {}{}", format_duration(options_.wait_limit), detail));
    });
  }
  seek();
}

void LivekitSource::leave() {
  phase_ = Phase::done;
  retry_.cancel();
  wait_limit_.cancel();
  if (connection_) connection_->leave();
}

// Finds a token, and with it the server.
void LivekitSource::seek() {
  const RoomAccess& access = options_.access;
  if (access.endpoint != nullptr && access.token.empty()) {
    ask_endpoint();
  } else if (!newest_token_.empty()) {
    join(joined_url_, newest_token_);
  } else if (!access.token.empty()) {
    join(access.server_url, access.token);
  } else {
    livekit::TokenGrant grant;
    grant.api_key = access.api_key;
    grant.api_secret = access.api_secret;
    grant.room = access.room;
    grant.identity = identity_;
    join(access.server_url, livekit::make_token(grant, io::read_wall_clock()));
  }
}

void LivekitSource::ask_endpoint() {
  context_.http.send(options_.access.endpoint->request(task_.status().mint_id), context_.control,
                     [this, alive = std::weak_ptr(alive_)](const Result<HttpResponse>& reply) {
                       if (!alive.expired() && phase_ != Phase::done) handle_endpoint_reply(reply);
                     });
}

void LivekitSource::handle_endpoint_reply(const Result<HttpResponse>& reply) {
  const auto outcome = options_.access.endpoint->handle_reply(reply, io::read_wall_clock(), context_.random);
  if (const auto* live = std::get_if<livekit::LiveToken>(&outcome)) {
    join(live->server_url.empty() ? options_.access.server_url : live->server_url, live->token);
  } else if (const auto* later = std::get_if<livekit::AskLater>(&outcome)) {
    try_later(later->wait, later->why.message);
  } else {
    give_up(std::get<Error>(outcome).message);
  }
}

void LivekitSource::join(const std::string& server_url, std::string token) {
  auto server = livekit::ServerUrl::parse(server_url);
  if (!server) {
    give_up(server.error().message);
    return;
  }
  joined_url_ = server_url;
  first_offer_ = true;
  token_ = std::move(token);
  io::LivekitOptions options;
  options.server = *server;
  options.token = token_;
  options.room = options_.room;
  connection_ =
      std::make_unique<io::LivekitConnection>(context_.control.context(), std::move(options), *this);
}

void LivekitSource::try_later(Duration delay, std::string why) {
  last_reason_ = std::move(why);
  if (!live_ && options_.wait_limit == Duration::zero()) {
    give_up(fmt::format("the stream is not live: {}", last_reason_));
    return;
  }
  retry_.start(delay, [this] { seek(); });
}

void LivekitSource::reconnect(livekit::Continuity::Attempt attempt, const std::string& why) {
  using Step = livekit::Continuity::Step;
  phase_ = Phase::seeking;
  log::info("{}: {} in {} ms: {}", task_.status().recording_id,
            attempt.step == Step::resume ? "resuming the session" : "joining again",
            to_milliseconds(attempt.wait), why);
  if (attempt.step == Step::join) return try_later(attempt.wait, why);
  retry_.start(attempt.wait, [this] { connection_->resume(newest_token_.empty() ? token_ : newest_token_); });
}

void LivekitSource::suspect(livekit::Fault fault) {
  if (task_.is_open()) task_.host().suspect(cause_of(fault));
}

void LivekitSource::give_up(const std::string& why) {
  phase_ = Phase::done;
  if (task_.started()) {
    task_.warn(why);
    task_.finish("refused", {});
  } else {
    task_.fail(why);
  }
}

bool LivekitSource::feeds() const {
  return phase_ != Phase::done && task_.active();
}

void LivekitSource::handle_connection_lost() {
  if (phase_ != Phase::joined) return;
  reconnect(continuity_.after_media_loss(io::read_monotonic_clock()), "the media connection failed");
}

void LivekitSource::on_joined(std::string_view room_name, std::string_view) {
  phase_ = Phase::joined;
  continuity_.handle_connected(io::read_monotonic_clock());
  log::info("{}: joined room {}", task_.status().recording_id, room_name);
  if (!task_.is_open()) return;
  // Nothing is suspected any more, and what an earlier session announced is void: the room tells what there
  // is.
  task_.host().suspect(recording::GapCause::network);
  for (const media::Kind kind : {media::Kind::video, media::Kind::audio})
    task_.host().announce(kind, std::nullopt);
}

void LivekitSource::on_resumed() {
  phase_ = Phase::joined;
  continuity_.handle_connected(io::read_monotonic_clock());
  log::info("{}: the session goes on", task_.status().recording_id);
  if (!task_.is_open()) return;
  task_.host().suspect(recording::GapCause::network);
  task_.host().note_reconnect("resume");
}

void LivekitSource::on_ice_servers(const std::vector<livekit::IceServer>& servers) {
  turn_servers_ = to_turn_servers(servers);
}

void LivekitSource::on_offer(const livekit::Offer& offer) {
  if (watcher_ != nullptr || !feeds()) return;
  task_.open(SessionHost::Port::own);
  task_.host().set_turn_servers(turn_servers_);
  const auto connection =
      std::exchange(first_offer_, false) ? SessionHost::Connection::renewed : SessionHost::Connection::same;
  task_.host().accept_offer(
      offer.sdp, connection,
      [this, id = offer.id, of = connection_.get(),
       alive = std::weak_ptr(alive_)](const Result<std::string>& answer) {
        // The answer to an offer of a connection that is gone is nobody's.
        if (alive.expired() || connection_.get() != of || !feeds()) return;
        if (answer) {
          connection_->send_answer(id, *answer);
        } else {
          give_up(fmt::format("the server's offer cannot be answered: {}", answer.error().message));
        }
      });
}

void LivekitSource::on_candidate(std::string_view candidate) {
  if (feeds() && task_.is_open()) task_.host().add_remote_candidate(std::string(candidate));
}

void LivekitSource::announce(const livekit::Track& track) {
  task_.host().announce(track.kind, recording::AnnouncedTrack{track.sid, track.muted});
}

void LivekitSource::on_track_added(const livekit::Track& track) {
  if (!feeds()) return;
  live_ = true;
  wait_limit_.cancel();
  task_.open(SessionHost::Port::own);
  task_.host().suspect(recording::GapCause::network);
  task_.set_participant(track.identity);
  announce(track);
}

void LivekitSource::on_track_changed(const livekit::Track& track) {
  announce(track);
}

void LivekitSource::on_track_removed(const livekit::Track& track) {
  task_.host().announce(track.kind, std::nullopt);
}

void LivekitSource::on_track_refused(const livekit::Track& track) {
  task_.warn(track.refusal);
}

void LivekitSource::on_publisher_left(std::string_view identity) {
  suspect(livekit::Fault::publisher);
  log::info("{}: {} left the room; waiting for gap_limit in case they come back", task_.status().recording_id,
            identity);
}

void LivekitSource::on_participant(std::string_view identity) {
  wait_limit_.cancel();
  live_ = true;
  watcher_->on_participant(std::string(identity));
}

void LivekitSource::on_token(std::string_view token) {
  newest_token_ = token;
}

void LivekitSource::on_ended(const livekit::Ended& ended) {
  if (phase_ == Phase::done) return;
  switch (ended.kind) {
    case livekit::EndKind::left:
    case livekit::EndKind::stream_ended:
      phase_ = Phase::done;
      if (task_.started() || watcher_ != nullptr) {
        task_.finish("stream_ended", {});
      } else {
        task_.fail(ended.why);
      }
      break;
    case livekit::EndKind::refused:
      give_up(ended.why);
      break;
    case livekit::EndKind::not_live:
    case livekit::EndKind::resume:
    case livekit::EndKind::rejoin:
      suspect(ended.fault);
      reconnect(continuity_.after_end(ended.kind, io::read_monotonic_clock()), ended.why);
      break;
  }
}

}  // namespace holdfast::app

#include "app/livekit_source.hpp"

#include <utility>

#include "app/turn_servers.hpp"
#include "io/clock.hpp"

namespace holdfast::app {

LivekitSource::LivekitSource(const Context& context, Options options, RecordingTask& task, Watcher* watcher)
    : context_(context),
      task_(task),
      watcher_(watcher),
      connect_timeout_(options.room.join_timeout),
      membership_({task.status().recording_id, task.status().mint_id, std::move(options.access),
                   std::move(options.room), options.wait_limit},
                  context.random, *this, *this),
      timer_(context.control) {}

LivekitSource::~LivekitSource() = default;

template <typename Call>
void LivekitSource::drive(Call call) {
  call(membership_, io::read_clocks());
  const Instant deadline = membership_.deadline();
  if (std::exchange(armed_, deadline) == deadline) return;
  if (deadline == never) return timer_.cancel();
  timer_.start(deadline - io::read_monotonic_clock(), [this] { handle_timeout(); });
}

void LivekitSource::handle_timeout() {
  armed_ = never;
  drive([](auto& membership, const Now& now) { membership.handle_timeout(now); });
}
void LivekitSource::start() {
  drive([](auto& membership, const Now& now) { membership.start(now); });
}
void LivekitSource::leave() {
  drive([](auto& membership, const Now& now) { membership.leave(now); });
}
void LivekitSource::handle_media_lost() {
  drive([](auto& membership, const Now& now) { membership.handle_media_lost(now); });
}
void LivekitSource::handle_message(Bytes message) {
  drive([&](auto& membership, const Now& now) { membership.handle_message(now, message); });
}
void LivekitSource::handle_closed(const livekit::Ended& why) {
  drive([&](auto& membership, const Now& now) { membership.handle_closed(now, why); });
}

// --- to servers

void LivekitSource::connect(const livekit::ServerUrl& server, std::string target, const std::string& token) {
  const io::LivekitOptions options{
      .server = server, .target = std::move(target), .token = token, .connect_timeout = connect_timeout_};
  io::LivekitHandler& handler = *this;
  connection_ = std::make_unique<io::LivekitConnection>(context_.control.context(), options, handler);
}

void LivekitSource::send(Bytes message) {
  connection_->send(message);
}

void LivekitSource::close() {
  connection_->close();
}

void LivekitSource::ask(HttpRequest request) {
  context_.http.send(
      std::move(request), context_.control,
      [this, alive = std::weak_ptr(alive_)](const Result<HttpResponse>& reply) {
        if (alive.expired()) return;
        drive([&](auto& membership, const Now& now) { membership.handle_endpoint_reply(now, reply); });
      });
}

// --- to the recording

SessionHost* LivekitSource::open_host() {
  if (!task_.active()) return nullptr;
  task_.open(SessionHost::Port::own);
  return &task_.host();
}

SessionHost* LivekitSource::host() {
  return task_.active() && task_.is_open() ? &task_.host() : nullptr;
}

void LivekitSource::accept_offer(const livekit::OfferKey& key, std::string sdp,
                                 livekit::MediaConnection connection) {
  SessionHost* host = open_host();
  if (host == nullptr) return;
  host->set_turn_servers(turn_servers_);
  const bool renewed = connection == livekit::MediaConnection::renewed;
  host->accept_offer(
      std::move(sdp), renewed ? SessionHost::Connection::renewed : SessionHost::Connection::same,
      [this, key, alive = std::weak_ptr(alive_)](const Result<std::string>& answer) {
        if (alive.expired() || !task_.active()) return;
        drive([&](auto& membership, const Now& now) { membership.handle_answer(now, key, answer); });
      });
}

void LivekitSource::add_candidate(std::string_view candidate) {
  if (SessionHost* host = this->host()) host->add_remote_candidate(std::string(candidate));
}

void LivekitSource::set_ice_servers(const std::vector<livekit::IceServer>& servers) {
  turn_servers_ = to_turn_servers(servers);
}

void LivekitSource::announce(const livekit::Track& track) {
  SessionHost* host = open_host();
  if (host == nullptr) return;
  task_.set_participant(track.identity);
  host->announce(track.kind, recording::AnnouncedTrack{track.sid, track.muted});
}

void LivekitSource::retract(media::Kind kind) {
  if (SessionHost* host = this->host()) host->announce(kind, std::nullopt);
}

void LivekitSource::suspect(livekit::Fault fault) {
  if (SessionHost* host = this->host()) host->suspect(recording::cause_of(fault));
}

void LivekitSource::note_resumed() {
  if (SessionHost* host = this->host()) host->note_reconnect("resume");
}

void LivekitSource::warn(const std::string& why) {
  task_.warn(why);
}

void LivekitSource::handle_publisher(std::string_view identity) {
  watcher_->on_participant(std::string(identity));
}

void LivekitSource::end(livekit::Outcome outcome, const std::string& why) {
  const bool refused = outcome == livekit::Outcome::refused;
  const bool has_nothing = !task_.started() && (refused || watcher_ == nullptr);
  if (has_nothing) return task_.fail(why);
  if (refused) task_.warn(why);
  task_.finish(refused ? journal::EndReason::refused : journal::EndReason::stream_ended, {});
}

}  // namespace holdfast::app

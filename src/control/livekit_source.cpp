#include "control/livekit_source.hpp"

#include <utility>

#include "control/turn_servers.hpp"

namespace holdfast::control {

LivekitSource::LivekitSource(const Environment& environment, livekit::Membership::Options options,
                             Recording& recording)
    : recording_(recording), member_(environment, std::move(options), *this) {}

RemoteSession* LivekitSource::open_session() {
  if (!recording_.is_active()) return nullptr;
  recording_.open(RemoteSession::Port::own);
  return &recording_.session();
}

RemoteSession* LivekitSource::session() {
  return recording_.is_active() && recording_.is_open() ? &recording_.session() : nullptr;
}

void LivekitSource::accept_offer(const livekit::OfferKey& key, std::string sdp,
                                 livekit::MediaConnection connection) {
  RemoteSession* session = open_session();
  if (session == nullptr) return;
  session->set_turn_servers(turn_servers_);
  const bool renewed = connection == livekit::MediaConnection::renewed;
  session->accept_offer(std::move(sdp),
                        renewed ? RemoteSession::Connection::renewed : RemoteSession::Connection::same,
                        [this, key, alive = std::weak_ptr(alive_)](const Result<std::string>& answer) {
                          if (alive.expired() || !recording_.is_active()) return;
                          member_.handle_answer(key, answer);
                        });
}

void LivekitSource::add_candidate(std::string_view candidate) {
  if (RemoteSession* session = this->session()) session->add_remote_candidate(std::string(candidate));
}

void LivekitSource::set_ice_servers(const std::vector<livekit::IceServer>& servers) {
  turn_servers_ = to_turn_servers(servers);
}

void LivekitSource::announce(const livekit::Track& track) {
  RemoteSession* session = open_session();
  if (session == nullptr) return;
  recording_.set_participant(track.identity);
  session->announce(track.kind, recording::AnnouncedTrack{track.sid, track.muted});
}

void LivekitSource::retract(media::Kind kind) {
  if (RemoteSession* session = this->session()) session->announce(kind, std::nullopt);
}

void LivekitSource::suspect(livekit::Fault fault) {
  if (RemoteSession* session = this->session()) session->suspect(recording::cause_of(fault));
}

void LivekitSource::note_resumed() {
  if (RemoteSession* session = this->session()) session->note(journal::ReconnectEvent{"resume"}, [](bool) {});
}

void LivekitSource::end(livekit::Outcome outcome, const std::string& why) {
  if (!recording_.has_media()) return recording_.fail(why);
  const bool refused = outcome == livekit::Outcome::refused;
  if (refused) recording_.warn(why);
  recording_.finish(refused ? journal::EndReason::refused : journal::EndReason::stream_ended, {});
}

}  // namespace holdfast::control

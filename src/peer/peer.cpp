#include "peer/peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "ice/candidate.hpp"
#include "stun/message.hpp"

namespace holdfast::peer {
namespace {

ice::Config ice_config(const Config& config) {
  ice::Config ice = config.ice;
  ice.role = config.side == Side::offerer ? ice::Role::controlling : ice::Role::controlled;
  return ice;
}

ice::Credentials credentials_of(const sdp::RemoteTransport& remote) {
  return {remote.transport.ice_ufrag, remote.transport.ice_pwd};
}

// Those of a kind we know: any of them may match (RFC 8122 section 5).
std::vector<dtls::Fingerprint> fingerprints_of(const sdp::RemoteTransport& remote) {
  std::vector<dtls::Fingerprint> fingerprints;
  for (const std::string& text : remote.transport.fingerprints) {
    if (auto fingerprint = dtls::Fingerprint::parse(text)) fingerprints.push_back(std::move(*fingerprint));
  }
  return fingerprints;
}

std::set<Ssrc> ssrcs_of(const std::vector<sdp::MediaSection>& sections) {
  std::set<Ssrc> ssrcs;
  for (const sdp::MediaSection& section : sections) {
    for (const sdp::Source& source : section.sources) {
      ssrcs.insert(source.ssrc);
      if (source.rtx) ssrcs.insert(*source.rtx);
    }
  }
  return ssrcs;
}

// RFC 5761 section 4: the packet types of RTCP, where RTP has marker and payload type.
bool is_rtcp(Bytes datagram) {
  return datagram.size() >= 2 && datagram[1] >= 192 && datagram[1] <= 223;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::connecting:
      return "connecting";
    case State::connected:
      return "connected";
    case State::disconnected:
      return "disconnected";
    case State::failed:
      return "failed";
    case State::closed:
      return "closed";
  }
  return {};
}

Peer::Peer(Config config, Random& random)
    : config_(std::move(config)),
      ice_(ice_config(config_), random),
      detours_(config_.detours, ice_, random),
      session_id_(random.next_u64() >> 1) {}

Result<std::string> Peer::accept_offer(Instant now, std::string_view text, const sdp::AnswerPolicy& policy) {
  const auto offer = sdp::parse(text);
  if (!offer) return std::unexpected(offer.error());
  sdp::AnswerPolicy kept = policy;
  if (dtls_) kept.setup = setup_;
  auto answer = sdp::make_answer(*offer, kept, local_transport());
  if (!answer) return std::unexpected(answer.error());
  if (auto same = check_dtls(answer->remote, answer->setup); !same) return std::unexpected(same.error());

  const bool restarts = dtls_ && credentials_of(answer->remote) != remote_credentials_;
  if (restarts) {
    restart_ice(now);
    answer = sdp::make_answer(*offer, kept, local_transport());  // with our new credentials
  }
  if (auto met = connect(now, answer->remote, answer->setup); !met) return std::unexpected(met.error());
  replace_sections(now, std::move(answer->sections));
  return sdp::serialize(answer->description);
}

void Peer::restart_ice(Instant now) {
  ++ice_restarts_;
  ice_.restart(now);
  detours_.restart(now);
}

Result<IceDescription> Peer::restart_ice(Instant now, const IceDescription& remote) {
  if (!dtls_) return fail(ErrorCode::conflict, "cannot restart ICE before the first offer");
  if (auto valid = remote.credentials.check(); !valid) return std::unexpected(valid.error());
  restart_ice(now);
  if (auto set = ice_.set_remote(now, remote.credentials, ice::RemoteKind::full); !set)
    return std::unexpected(set.error());
  remote_credentials_ = remote.credentials;
  for (const std::string& candidate : remote.candidates) add_remote_candidate(now, candidate);
  return IceDescription{ice_.local_credentials(), local_transport().candidates};
}

std::string Peer::make_offer(const std::vector<sdp::OfferedTrack>& tracks) {
  offer_ = sdp::make_offer(tracks, local_transport());
  return sdp::serialize(*offer_);
}

Result<void> Peer::accept_answer(Instant now, std::string_view text) {
  if (!offer_) return fail(ErrorCode::conflict, "unexpected answer: no offer is pending");
  const auto answer = sdp::parse(text);
  if (!answer) return std::unexpected(answer.error());
  auto accepted = sdp::read_answer(*offer_, *answer);
  if (!accepted) return std::unexpected(accepted.error());
  if (auto same = check_dtls(accepted->remote, accepted->setup); !same) return same;
  if (auto met = connect(now, accepted->remote, accepted->setup); !met) return met;
  replace_sections(now, std::move(accepted->sections));
  offer_.reset();
  return {};
}

Result<void> Peer::check_dtls(const sdp::RemoteTransport& remote, sdp::Setup setup) const {
  const auto fingerprints = fingerprints_of(remote);
  if (fingerprints.empty()) {
    return fail(ErrorCode::unsupported,
                "the session description has no fingerprint of a supported kind (\"{}\")",
                remote.transport.fingerprints.front());
  }
  if (dtls_ && (setup != setup_ || fingerprints != remote_fingerprints_)) {
    return fail(
        ErrorCode::unsupported,
        "the other side changed its DTLS certificate or role on a live connection: open a new connection");
  }
  return {};
}

Result<void> Peer::connect(Instant now, const sdp::RemoteTransport& remote, sdp::Setup setup) {
  const auto kind = remote.ice_lite ? ice::RemoteKind::lite : ice::RemoteKind::full;
  if (auto set = ice_.set_remote(now, credentials_of(remote), kind); !set) return set;
  remote_credentials_ = credentials_of(remote);
  detours_.begin(now);
  if (!dtls_) {
    setup_ = setup;
    remote_fingerprints_ = fingerprints_of(remote);
    const dtls::Role role = setup == sdp::Setup::active ? dtls::Role::client : dtls::Role::server;
    dtls_.emplace(config_.certificate, role, remote_fingerprints_);
  }
  for (const std::string& candidate : remote.transport.candidates) add_remote_candidate(now, candidate);
  return {};
}

void Peer::add_remote_candidate(Instant now, std::string_view text) {
  if (text.empty()) return;
  const auto candidate = ice::Candidate::parse(text);
  const bool by_socket =
      candidate && candidate->transport == ice::Transport::udp && detours_.policy() == TransportPolicy::all;
  if (by_socket) ice_.add_remote_candidate(now, *candidate);
  const bool by_detour = candidate && detours_.add_remote_candidate(now, *candidate);
  if (!by_socket && !by_detour) ++counters_.candidates_ignored;
}

sdp::LocalTransport Peer::local_transport() {
  sdp::LocalTransport local;
  local.session_id = session_id_;
  local.session_version = ++session_version_;
  local.ice_ufrag = ice_.local_credentials().ufrag;
  local.ice_pwd = ice_.local_credentials().pwd;
  local.fingerprint = config_.certificate->fingerprint().to_string();
  std::uint16_t preference = 65'535;
  if (detours_.policy() == TransportPolicy::all) {
    for (const Endpoint& endpoint : config_.local) {
      local.candidates.push_back(ice::Candidate::host(endpoint, preference--).to_sdp());
    }
  }
  for (const ice::Candidate& candidate : detours_.relayed_candidates()) {
    local.candidates.push_back(candidate.to_sdp());
  }
  return local;
}

// Every SSRC costs memory in SRTP and time to find the others: those that left the session are forgotten, but
// not while their last packets may still come.
void Peer::replace_sections(Instant now, std::vector<sdp::MediaSection> sections) {
  constexpr auto grace = std::chrono::seconds(30);
  const std::set<Ssrc> current = ssrcs_of(sections);
  for (const Ssrc ssrc : ssrcs_of(sections_)) {
    if (!current.contains(ssrc)) retired_.push_back({now + grace, ssrc});
  }
  std::erase_if(retired_, [&](const RetiredSource& retired) {
    const bool returned = current.contains(retired.ssrc);
    const bool due = now >= retired.until;
    if (due && !returned && srtp_) srtp_->forget(retired.ssrc);
    return returned || due;
  });
  sections_ = std::move(sections);
}

void Peer::handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox,
                           Sink& sink) {
  handle(arrival, from, datagram, {}, outbox, sink);
}

void Peer::handle(Instant arrival, const Endpoint& from, MutableBytes datagram, const ice::Base& base,
                  Outbox& outbox, Sink& sink) {
  if (datagram.empty() || is_over()) return;
  const std::uint8_t first = datagram.front();  // RFC 7983 section 7
  if (first >= 128 && first <= 191) {
    handle_media(arrival, datagram, sink);
  } else if (first >= 20 && first <= 63) {
    handle_dtls(arrival, datagram, outbox, sink);
  } else if (stun::is_stun(datagram)) {
    const bool unwanted = base.outbox == nullptr && detours_.policy() == TransportPolicy::relay;
    if (!unwanted) ice_.handle_stun(arrival, from, datagram, outbox, base);
    advance(arrival, outbox, sink);
  } else {
    ++counters_.unknown;
  }
}

void Peer::handle_media(Instant arrival, MutableBytes datagram, Sink& sink) {
  if (!srtp_) {
    ++counters_.early;
    return;
  }
  const bool control = is_rtcp(datagram);
  const auto plain = control ? srtp_->unprotect_rtcp(datagram) : srtp_->unprotect_rtp(datagram);
  if (!plain) return;
  ice_.handle_activity(arrival);
  control ? sink.on_rtcp(arrival, *plain) : sink.on_rtp(arrival, *plain);
}

void Peer::handle_dtls(Instant now, Bytes datagram, Outbox& outbox, Sink& sink) {
  const std::optional<ice::Path>& path = ice_.selected();
  if (!dtls_ || !path) {
    ++counters_.early;
    return;
  }
  dtls_->handle_datagram(now, datagram, {path->outbox(outbox), path->remote});
  advance(now, outbox, sink);
}

void Peer::handle_link_open(Instant now, LinkId link, Outbox& outbox, Sink& sink) {
  detours_.handle_open(now, link);
  handle_timeout(now, outbox, sink);
}

void Peer::handle_link_bytes(Instant now, LinkId link, MutableBytes bytes, Outbox& outbox, Sink& sink) {
  struct ToPeer final : Detours::Receiver {
    ToPeer(Peer& owner, Instant arrival, Outbox& socket, Sink& to)
        : peer(owner), now(arrival), outbox(socket), sink(to) {}
    void receive(const Endpoint& from, MutableBytes datagram, const ice::Base& base) override {
      peer.handle(now, from, datagram, base, outbox, sink);
    }
    Peer& peer;
    const Instant now;
    Outbox& outbox;
    Sink& sink;
  } receiver(*this, now, outbox, sink);
  detours_.handle_bytes(now, link, bytes, receiver);
}

void Peer::handle_link_closed(Instant now, LinkId link, std::string_view why, Outbox& outbox, Sink& sink) {
  detours_.handle_closed(now, link, why);
  handle_timeout(now, outbox, sink);
}

void Peer::handle_timeout(Instant now, Outbox& outbox, Sink& sink) {
  if (is_over()) return;
  ice_.handle_timeout(now, outbox);
  const std::optional<ice::Path>& path = ice_.selected();
  if (dtls_ && path) dtls_->handle_timeout(now, {path->outbox(outbox), path->remote});
  detours_.handle_timeout(now);
  advance(now, outbox, sink);
}

Instant Peer::deadline() const {
  if (is_over()) return never;
  const Instant handshake = dtls_ && ice_.selected() ? dtls_->deadline() : never;
  return std::min({ice_.deadline(), handshake, detours_.deadline()});
}

void Peer::advance(Instant now, Outbox& outbox, Sink& sink) {
  if (const auto problems = detours_.take_new_problems(); !problems.empty()) sink.on_detour_failed(problems);
  const std::optional<ice::Path>& path = ice_.selected();
  if (dtls_ && path) dtls_->start(now, {path->outbox(outbox), path->remote});
  if (dtls_ && dtls_->state() == dtls::State::connected && !srtp_ && srtp_error_.empty()) {
    if (auto session = srtp::Session::open(dtls_->keying_material())) {
      srtp_ = std::move(*session);
    } else {
      srtp_error_ = session.error().message;
    }
  }
  const State next = next_state();
  if (next == state_) return;
  const std::string reason = reason_for(next);
  state_ = next;
  sink.on_state(next, reason);
}

State Peer::next_state() const {
  if (!dtls_) return State::connecting;
  if (dtls_->state() == dtls::State::closed) return State::closed;
  const bool failed = dtls_->state() == dtls::State::failed || !srtp_error_.empty();
  if (failed || ice_.state() == ice::State::failed) return State::failed;
  if (!srtp_) return State::connecting;
  if (ice_.state() == ice::State::connected) return State::connected;
  // During an ICE restart the former path goes on being used.
  const bool has_former_path = ice_.state() == ice::State::checking && ice_.selected();
  return has_former_path ? state_ : State::disconnected;
}

std::string Peer::reason_for(State state) const {
  if (state == State::closed) return "the other side closed the connection (DTLS close_notify)";
  if (state != State::failed) return {};
  if (!dtls_->error().empty()) return dtls_->error();
  if (!srtp_error_.empty()) return srtp_error_;
  const std::string& problems = detours_.problems();
  return fmt::format("{}{}{}",
                     state_ == State::connecting
                         ? "no network path to the other side: none of its ICE candidates answered"
                         : "the other side no longer responds (ICE consent expired)",
                     problems.empty() ? "" : "; ", problems);
}

std::optional<Endpoint> Peer::remote_endpoint() const {
  return ice_.selected() ? std::optional(ice_.selected()->remote) : std::nullopt;
}

std::optional<Transport> Peer::transport() const {
  return ice_.selected() ? std::optional(detours_.transport_of(*ice_.selected())) : std::nullopt;
}

bool Peer::is_over() const {
  if (state_ == State::closed || !srtp_error_.empty()) return true;
  return dtls_ && (dtls_->state() == dtls::State::closed || dtls_->state() == dtls::State::failed);
}

bool Peer::send_rtp(Bytes packet, Outbox& outbox) {
  return send(&srtp::Session::protect_rtp, packet, outbox);
}

bool Peer::send_rtcp(Bytes packet, Outbox& outbox) {
  return send(&srtp::Session::protect_rtcp, packet, outbox);
}

bool Peer::send(Protect protect, Bytes packet, Outbox& outbox) {
  const std::optional<ice::Path>& path = ice_.selected();
  if (!srtp_ || !path || is_over() || packet.size() > max_packet) return false;
  std::ranges::copy(packet, scratch_.begin());
  const auto protected_packet = ((*srtp_).*protect)(scratch_, packet.size());
  if (protected_packet) path->outbox(outbox).send(path->remote, *protected_packet);
  return protected_packet.has_value();
}

void Peer::close(Outbox& outbox) {
  const std::optional<ice::Path>& path = ice_.selected();
  if (dtls_ && path) dtls_->close({path->outbox(outbox), path->remote});
  state_ = State::closed;
}

}  // namespace holdfast::peer

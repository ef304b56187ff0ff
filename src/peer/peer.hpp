#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/outbox.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "dtls/transport.hpp"
#include "ice/agent.hpp"
#include "peer/detours.hpp"
#include "sdp/negotiation.hpp"
#include "srtp/session.hpp"

namespace holdfast::peer {

// The offerer sends media (a publisher), the answerer receives it (the recorder).
enum class Side : std::uint8_t { answerer, offerer };

enum class State : std::uint8_t {
  connecting,    // no keys yet
  connected,     // media may flow
  disconnected,  // nothing is heard; may heal by itself, or by an ICE restart
  failed,  // no path, consent expired, or DTLS failed. Only an ICE restart can lead out, and not out of a
           // DTLS failure
  closed,  // one side said goodbye
};
std::string_view to_string(State state);

struct Config {
  std::shared_ptr<const dtls::Certificate> certificate;  // the process's
  Side side = Side::answerer;
  std::vector<Endpoint>
      local;  // our host candidates, the preferred first; may be empty: then the peer learns from our checks
  ice::Config ice;  // its role is set from `side`
  DetourOptions detours = {};
};

// What one side tells the other of its ICE.
struct IceDescription {
  ice::Credentials credentials;
  std::vector<std::string> candidates;  // "candidate:..."
};

// Datagrams that came to nothing; what SRTP refused is in srtp::Counters.
struct Counters {
  std::uint64_t early = 0;    // SRTP before the keys, DTLS before a path or an answer: the sender repeats it
  std::uint64_t unknown = 0;  // of no protocol of ours (RFC 7983)
  std::uint64_t candidates_ignored = 0;  // malformed, or of no use: mDNS, TCP where there are no links
};

// What a Peer tells its owner, from within handle_*(). The bytes are borrowed for the call.
class Sink {
 public:
  virtual ~Sink() = default;
  // An authentic, decrypted RTP packet; its header has not been looked at.
  virtual void on_rtp(Instant arrival, MutableBytes packet) = 0;
  // An authentic, decrypted RTCP compound packet.
  virtual void on_rtcp(Instant arrival, MutableBytes packet) = 0;
  // `reason` is for people: why it failed or closed; else empty. The peer may not be destroyed from here.
  virtual void on_state(State state, std::string_view reason) = 0;
  // Ways round a blocked network that did not work out, for people: another one may.
  virtual void on_detour_failed(std::string_view) {}
};

// One WebRTC connection, everything on one transport: SDP, ICE, DTLS and SRTP put together. Routes only: what
// a packet means is for others. Sans-IO; one thread. Allocates nothing for a packet of an SSRC that it knows.
//
//   receive:  accept_offer() -> answer, again for every later offer
//   publish:  make_offer() -> accept_answer(), again for other tracks
//
// then handle_datagram() and handle_timeout() by deadline(), until failed, or closed.
class Peer {
 public:
  // `random` must outlive the peer.
  Peer(Config config, Random& random);

  // Gives the answer's text. May be called again for every later offer: keys, credentials and DTLS role stay,
  // unless the other side restarts ICE (new ufrag): then ours change too, and media goes on meanwhile. After
  // an error everything is as before. Errors: as sdp::parse and sdp::make_answer; unsupported, when the offer
  // has another certificate than before.
  Result<std::string> accept_offer(Instant now, std::string_view offer, const sdp::AnswerPolicy& policy);

  // The other side restarts ICE without a description (WHIP, RFC 9725 section 4.3.2): its new credentials and
  // candidates for ours. Media goes on meanwhile. Errors: conflict, before the first negotiation; invalid, as
  // ice::Agent::set_remote.
  Result<IceDescription> restart_ice(Instant now, const IceDescription& remote);

  // May be called again, for other tracks; and after restart_ice(), for a restart that the other side takes
  // up with its answer.
  std::string make_offer(const std::vector<sdp::OfferedTrack>& tracks);
  // The next offer has new ICE credentials (RFC 8445 section 9). Media goes on meanwhile.
  void restart_ice(Instant now);
  // Errors: as sdp::parse and sdp::read_answer.
  Result<void> accept_answer(Instant now, std::string_view answer);

  // A trickled candidate, "candidate:..." with or without "a=". One we cannot use is counted and ignored; so
  // is an empty one, which says that no more will come (RFC 8838).
  void add_remote_candidate(Instant now, std::string_view candidate);

  // Decrypts in place: `datagram` is overwritten. `arrival` is when the kernel got it.
  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox,
                       Sink& sink);
  // Replaces DetourOptions::servers, for the relays that are asked from now on.
  void set_turn_servers(std::vector<turn::Server> servers) { detours_.set_servers(std::move(servers)); }
  // What became of the links that the peer opened (DetourOptions::links); those of a former peer's are
  // ignored.
  void handle_link_open(Instant now, LinkId link, Outbox& outbox, Sink& sink);
  void handle_link_bytes(Instant now, LinkId link, MutableBytes bytes, Outbox& outbox, Sink& sink);
  void handle_link_closed(Instant now, LinkId link, std::string_view why, Outbox& outbox, Sink& sink);
  void handle_timeout(Instant now, Outbox& outbox, Sink& sink);
  Instant deadline() const;

  // Protects one plain packet and sends it on the selected path. False: not connected, or longer than
  // max_packet.
  bool send_rtp(Bytes packet, Outbox& outbox);
  bool send_rtcp(Bytes packet, Outbox& outbox);
  static constexpr std::size_t max_packet = 1500;

  // Says goodbye by DTLS close_notify. State closed, which the sink is not told.
  void close(Outbox& outbox);

  State state() const { return state_; }
  // One an m-line, of the last successful negotiation.
  const std::vector<sdp::MediaSection>& sections() const { return sections_; }
  // By which ICE checks to this peer are told from those to others on the same socket (ice::requested_ufrag).
  const std::string& local_ufrag() const { return ice_.local_credentials().ufrag; }
  // Where the other side is, and by what way. Empty before there is a path.
  std::optional<Endpoint> remote_endpoint() const;
  std::optional<Transport> transport() const;
  // How often either side restarted ICE.
  int ice_restarts() const { return ice_restarts_; }
  std::optional<Duration> round_trip() const { return ice_.round_trip(); }

  const Counters& counters() const { return counters_; }
  const ice::Counters& ice_counters() const { return ice_.counters(); }
  srtp::Counters srtp_counters() const { return srtp_ ? srtp_->counters() : srtp::Counters{}; }

 private:
  void handle(Instant arrival, const Endpoint& from, MutableBytes datagram, const ice::Base& base,
              Outbox& outbox, Sink& sink);
  void handle_media(Instant arrival, MutableBytes datagram, Sink& sink);
  void handle_dtls(Instant now, Bytes datagram, Outbox& outbox, Sink& sink);
  // Starts what waited for a path or for keys, and tells the sink of a new state.
  void advance(Instant now, Outbox& outbox, Sink& sink);
  State next_state() const;
  std::string reason_for(State state) const;
  bool is_over() const;

  using Protect = std::optional<Bytes> (srtp::Session::*)(MutableBytes buffer, std::size_t size);
  bool send(Protect protect, Bytes packet, Outbox& outbox);

  sdp::LocalTransport local_transport();
  // Errors: the certificate or the DTLS role is another than before, or no fingerprint is of a kind we know.
  Result<void> check_dtls(const sdp::RemoteTransport& remote, sdp::Setup setup) const;
  // Goes on with what the two descriptions came to.
  Result<void> connect(Instant now, const sdp::RemoteTransport& remote, sdp::Setup setup);
  void replace_sections(Instant now, std::vector<sdp::MediaSection> sections);

  Config config_;
  ice::Agent ice_;
  Detours detours_;
  std::optional<dtls::Transport> dtls_;  // from the first negotiation on
  std::optional<srtp::Session> srtp_;    // from the end of the handshake on
  State state_ = State::connecting;
  std::string srtp_error_;
  Counters counters_;

  std::uint64_t session_id_;
  std::uint64_t session_version_ = 0;
  std::optional<sdp::SessionDescription> offer_;  // ours, while it waits for its answer
  std::vector<sdp::MediaSection> sections_;
  std::vector<dtls::Fingerprint> remote_fingerprints_;
  ice::Credentials remote_credentials_;
  sdp::Setup setup_ = sdp::Setup::actpass;  // active or passive once negotiated
  int ice_restarts_ = 0;
  struct RetiredSource {
    Instant until;
    Ssrc ssrc;
  };
  std::vector<RetiredSource> retired_;  // no longer in the sections, but packets may still be under way

  std::array<std::uint8_t, max_packet + srtp::Session::max_overhead> scratch_;
};

}  // namespace holdfast::peer

#pragma once

#include <array>
#include <cstdint>
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
#include "ice/candidate.hpp"
#include "stun/message.hpp"

namespace holdfast::ice {

// RFC 8839 section 5.4: a=ice-ufrag (4..256 characters) and a=ice-pwd (22..256).
struct Credentials {
  std::string ufrag;
  std::string pwd;

  // ErrorCode::invalid if the lengths are others.
  Result<void> check() const;
  bool operator==(const Credentials&) const = default;
};

// The controlling side nominates. The offerer controls, but a lite agent never does (RFC 8445 section 6.1.1).
enum class Role { controlling, controlled };

// Whether the SDP had a=ice-lite.
enum class RemoteKind { full, lite };

enum class State {
  waiting,       // the remote side's credentials or candidates are not known yet
  checking,      // looking for a path
  connected,     // there is a nominated path, and the peer has been heard on it
  disconnected,  // nothing was heard for Config::disconnected_after; heals by itself when something is
  failed,        // no path within connect_timeout, or consent expired: send nothing more until restart()
};

// What our end of a pair leaves from. Most agents have one base, the socket.
struct Base {
  // Where its datagrams go; it stays until remove_base(), and is what the base is known by. Null: the socket,
  // whose outbox comes with each call.
  Outbox* outbox = nullptr;
  std::uint32_t priority = candidate_priority(CandidateType::host, 65535);
  // What our checks say, should the peer learn our end from them (RFC 8445 section 7.1.1).
  std::uint32_t check_priority = candidate_priority(CandidateType::peer_reflexive, 65535);

  // A TCP connection that we opened to a passive candidate (RFC 6544); datagrams go to its other end whatever
  // they are addressed to. The local preference is that of an active candidate, section 4.2.
  static Base connection(Outbox& outbox) {
    constexpr std::uint16_t active = 6 << 13 | 8191;
    return {&outbox, candidate_priority(CandidateType::host, active, Transport::tcp),
            candidate_priority(CandidateType::peer_reflexive, active, Transport::tcp)};
  }
  // An address on a relay. RFC 8445 would have its checks claim the priority of a peer-reflexive candidate;
  // then a peer that learns it so would rather use it than a direct TCP connection.
  static Base relay(Outbox& outbox, std::uint16_t local_preference) {
    const std::uint32_t priority = candidate_priority(CandidateType::relayed, local_preference);
    return {&outbox, priority, priority};
  }
};

// Where to send: a peer's address, from a base.
struct Path {
  Endpoint remote;
  Outbox* base = nullptr;  // null: the socket

  Outbox& outbox(Outbox& socket) const { return base == nullptr ? socket : *base; }
  bool operator==(const Path&) const = default;
};

struct Config {
  Role role = Role::controlled;
  Duration pacing = std::chrono::milliseconds(50);             // Ta, RFC 8445 section 14.2
  Duration retransmit_first = std::chrono::milliseconds(500);  // RTO, RFC 8445 section 14.3; doubles ...
  Duration retransmit_most = std::chrono::seconds(1);          // ... up to this, as long as there is hope
  Duration nomination_wait = std::chrono::milliseconds(100);   // for a better path than the first that works
  Duration consent_interval = std::chrono::seconds(5);  // each time 0.8 to 1.2 of it, RFC 7675 section 5.1
  Duration consent_timeout = std::chrono::seconds(30);  // RFC 7675 section 5.1
  Duration disconnected_after = std::chrono::seconds(8);
  Duration connect_timeout = std::chrono::seconds(30);  // from set_remote() to State::failed
};

struct Counters {
  std::uint64_t checks_sent = 0;         // requests, first and repeated, consent checks too
  std::uint64_t responses_received = 0;  // that answered a check of ours
  std::uint64_t requests_received = 0;   // authentic ones
  std::uint64_t malformed = 0;           // not a Binding message
  std::uint64_t unauthenticated = 0;     // wrong or no password or user name; dropped without an answer
  std::uint64_t unmatched = 0;           // responses to nothing we asked, or from elsewhere than we asked
  std::uint64_t refused = 0;             // requests that we or the peer answered with an error
  std::uint64_t role_conflicts = 0;
  std::uint64_t candidates_dropped = 0;  // over max_pairs
};

// Finds and keeps a path to one peer: a full ICE agent (RFC 8445) for one component, with trickle (RFC 8838)
// and consent (RFC 7675). Sans-IO, one thread, any number of agents a socket.
//
// It has one dual-stack UDP socket, whose local address it does not know nor need: the kernel's routing
// chooses it. Beside that it may be given other bases, TCP connections and relays. So a candidate pair is
// known by its base and its remote end. With one component and one stream nothing is ever frozen (RFC 8445
// section 6.1.2.6).
//
// When the selected path falls silent the others are checked again. The controlling side then nominates the
// best that works; the controlled side follows the peer's nomination.
//
// Each copy of a check is a transaction of its own, so that its answer tells the round trip however long that
// is. (With one transaction for all copies an answer after the second copy would tell nothing.)
//
// Nothing unauthenticated changes its state or is answered. Holds at most max_pairs pairs, 400 bytes each.
class Agent {
 public:
  static constexpr std::size_t max_pairs = 64;

  // `random` must outlive the agent.
  Agent(const Config& config, Random& random);

  // To be told to the peer. Changes with restart() only.
  const Credentials& local_credentials() const { return local_; }
  Role role() const { return role_; }

  // What the peer's SDP says. Checks start when there is a candidate as well; a lite peer makes us
  // controlling. The same credentials again change nothing; others are only to be set after restart().
  // ErrorCode::invalid if their lengths are not those of RFC 8839 section 5.4.
  Result<void> set_remote(Instant now, const Credentials& credentials, RemoteKind kind);
  // Pairs a candidate of the peer's with a base. May come before set_remote(), and at any time after it.
  // Repeats are welcome.
  void add_remote_candidate(Instant now, const Candidate& candidate, const Base& base = {});
  // The base is no more: its pairs are forgotten, and its outbox is not used again. If the selected one is
  // among them another that works takes its place; without any the agent fails at once.
  void remove_base(Instant now, const Outbox& base);

  // An ICE restart (RFC 8445 section 9): new local credentials, State::waiting; the remote side and its
  // candidates are to be set anew. The selected path stays in use, without consent checks, until a new one is
  // nominated or connect_timeout is over.
  void restart(Instant now);

  // For datagrams that stun::is_stun() and that are this agent's, by address or by requested_ufrag(). True if
  // the message was authentic: its sender then may be remembered as this peer's. `out` is the socket's
  // outbox, also where the datagram came to another base.
  bool handle_stun(Instant now, const Endpoint& from, Bytes datagram, Outbox& out, const Base& base = {});
  // Something authentic other than STUN came from the peer (SRTP, DTLS): it is not disconnected. Cheap, for
  // every packet. It does not renew consent, which only an answer to a check does.
  void handle_activity(Instant now) {
    last_heard_ = now;
    if (state_ == State::disconnected) reconnect();
  }
  // To be called at or after deadline(); earlier calls do no harm.
  void handle_timeout(Instant now, Outbox& out);
  // When handle_timeout() has something to do; `never` while waiting with nothing to do, or failed.
  // Candidates and credentials ask for an immediate call.
  Instant deadline() const { return deadline_; }

  State state() const { return state_; }
  // Where to send DTLS and SRTP: the pair nominated last. Empty before the first nomination and in
  // State::failed.
  const std::optional<Path>& selected() const { return selected_; }
  // Whether some path is known to work, chosen or not.
  bool has_valid_pair() const;
  // Smoothed over the checks on the selected path (RFC 6298 section 2); empty before one was answered.
  std::optional<Duration> round_trip() const;
  const Counters& counters() const { return counters_; }

 private:
  static constexpr Instant overdue{};  // a time to send before all that was planned

  // A check under way, each copy a transaction of its own. The last ones are enough for a round trip of 5 s.
  struct Check {
    struct Copy {
      stun::TransactionId transaction{};
      Instant sent;
    };
    std::array<Copy, 6> copies{};
    std::size_t copies_sent = 0;
    Duration next_interval{};  // until it is repeated
  };
  enum class Use { candidate, nominee, selected };
  // At most one is the nominee or selected.
  struct Pair {
    Path path;
    Base base;
    std::uint32_t remote_priority = 0;
    bool is_learnt = false;     // from a check (peer-reflexive), not signalled
    bool is_valid = false;      // a check of ours was answered
    bool is_nominated = false;  // the controlling peer asked to use it
    Use use = Use::candidate;
    Instant next_send = never;  // when a check is to leave, if pacing lets it
    Instant last_sent{};
    std::optional<Check> check;
    std::optional<Duration> round_trip;
  };

  bool handle_request(Instant now, const Endpoint& from, const stun::Message& request, Outbox& out,
                      const Base& base);
  bool is_for_us(const stun::Message& request) const;
  bool resolve_conflict(Instant now, const stun::Message& request);
  void learn(Instant now, const Endpoint& from, const Base& base, const stun::Message& request);
  void note_heard(Instant now, const Path& path);

  bool handle_response(Instant now, const Path& path, const stun::Message& response);
  void handle_success(Instant now, Pair& pair, Duration round_trip);
  void handle_refusal(Instant now, Pair& pair, const stun::Message& response);

  Pair* find(const Path& path);
  Pair* find(Use use);
  Pair* add_pair(Instant now, const Endpoint& remote, const Base& base, std::uint32_t priority);
  std::uint64_t priority(const Pair& pair) const;
  bool is_searching() const { return state_ == State::checking || state_ == State::disconnected; }
  void start_checking(Instant now);
  void check_all_again(Instant now);
  void switch_role(Instant now);
  bool nomination_is_open() const;
  void nominate(Instant now);
  void select_if_nominated(Instant now, Pair& pair);
  void select(Instant now, Pair& pair);
  void reconnect();
  void give_up();

  void send_due_checks(Instant now, Outbox& out);
  void send_check(Instant now, Pair& pair, Outbox& out);
  Pair* next_to_send();
  Instant pacing_allows_at() const;
  Duration consent_interval();
  void plan();

  Config config_;
  Random& random_;
  Role role_;
  std::uint64_t tie_breaker_;
  Credentials local_;
  std::optional<Credentials> remote_;
  RemoteKind remote_kind_ = RemoteKind::full;

  State state_ = State::waiting;
  std::vector<Pair> pairs_;
  std::optional<Path> selected_;  // outlives its pair over a restart
  Instant nominated_at_{};        // when the peer last asked to use the selected pair
  Instant first_valid_at_ = never;
  Instant consent_due_ = never;  // the next consent check, a new transaction
  Instant last_heard_{};
  Instant give_up_at_ = never;  // the end of connect_timeout before, of consent after a pair is selected
  Instant paced_until_{};       // the time that the checks sent so far take up, at one a Ta
  Instant deadline_ = never;
  Counters counters_;
};

// The receiver's user fragment in a Binding request, not verified: tells the sessions on one socket apart. A
// view of `datagram`.
std::optional<std::string_view> requested_ufrag(Bytes datagram);

}  // namespace holdfast::ice

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/links.hpp"
#include "base/outbox.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "ice/agent.hpp"
#include "turn/server.hpp"

namespace holdfast::peer {

// As WebRTC's iceTransportPolicy: relay uses nothing but TURN servers, and tells the other side no other
// address.
enum class TransportPolicy : std::uint8_t { all, relay };

// What a path goes by.
enum class Transport : std::uint8_t { udp, tcp, turn_udp, turn_tcp, turn_tls };
std::string_view to_string(Transport transport);

struct DetourOptions {
  Links* links = nullptr;  // outlives the peer. Null: there are none, as for who is dialled to
  TransportPolicy policy = TransportPolicy::all;
  std::vector<turn::Server> servers;  // the preferred first; at most Detours::max_servers are used
};

// The ways round a network that lets no UDP through: TCP connections to the other side's passive candidates
// (RFC 6544) and addresses on TURN servers (RFC 8656). Each becomes a base of the ICE agent's. Sans-IO; the
// peer's thread.
//
// Nothing is opened before UDP had its chance: `patience` after the checks began with no path that works;
// then all at once, side by side. With TransportPolicy::relay the TURN servers are asked at once. When a path
// has been in use for `settling`, the others are closed.
class Detours {
 public:
  static constexpr Duration patience = std::chrono::seconds(1);
  static constexpr Duration settling = std::chrono::seconds(10);
  static constexpr std::size_t max_servers = 8;
  static constexpr std::size_t max_connections = 8;

  // Takes the datagrams that come by one of the ways.
  class Receiver {
   public:
    virtual void receive(const Endpoint& from, MutableBytes datagram, const ice::Base& base) = 0;

   protected:
    ~Receiver() = default;
  };

  // `agent` and `random` outlive it.
  Detours(DetourOptions options, ice::Agent& agent, Random& random);
  ~Detours();

  // The checks begin, for the first time or after an ICE restart.
  void begin(Instant now);
  // What the other side signalled is of another time: to be followed by begin(). The way that is in use
  // stays.
  void restart(Instant now);
  // False: of no use to any detour, now or later.
  bool add_remote_candidate(Instant now, const ice::Candidate& candidate);

  void handle_open(Instant now, LinkId link);
  void handle_bytes(Instant now, LinkId link, MutableBytes bytes, Receiver& receiver);
  void handle_closed(Instant now, LinkId link, std::string_view why);
  void handle_timeout(Instant now);
  Instant deadline() const { return deadline_; }

  // For what is opened from now on: credentials may be good for minutes only.
  void set_servers(std::vector<turn::Server> servers) { options_.servers = std::move(servers); }

  TransportPolicy policy() const { return options_.policy; }
  // Our addresses on relays, as far as they are known.
  std::vector<ice::Candidate> relayed_candidates() const;
  Transport transport_of(const ice::Path& path) const;
  // What became of those that failed, for people; empty if none did.
  const std::string& problems() const { return problems_; }
  // The same, of those that failed since this was last asked.
  std::string_view take_new_problems();

 private:
  class Way;
  class Connection;
  class Relay;

  void open_all(Instant now);
  void open_connection(const ice::Candidate& candidate);
  void open_relay(const turn::Server& server, std::uint16_t local_preference);
  void pair_up(Instant now, Way& way);
  void close(Instant now, Way& way);
  void close_unused(Instant now);
  void note_problem(const Way& way, std::string_view why);
  Way* find(LinkId link);
  bool is_used(const Way& way) const;
  void plan();

  DetourOptions options_;
  ice::Agent& agent_;
  Random& random_;
  std::vector<ice::Candidate> candidates_;  // of the other side
  std::vector<std::unique_ptr<Way>> ways_;
  bool is_open_ = false;        // all were opened, and new candidates are at once
  Instant open_at_ = never;     // unless UDP works by then
  Instant settled_at_ = never;  // when to close those that are not in use
  Instant deadline_ = never;
  std::string problems_;
  std::size_t problems_taken_ = 0;  // so much of them
};

}  // namespace holdfast::peer

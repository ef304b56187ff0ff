#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "stun/message.hpp"

namespace holdfast::turn {

// What carries messages to the server: over a stream none is lost and ChannelData is padded.
enum class Carrier : std::uint8_t { datagrams, stream };

enum class State : std::uint8_t {
  idle,
  allocating,
  ready,   // there is a relayed address
  failed,  // see error(): refused, or lost. It does not come back
  closed,
};

// The way to the server: each call is one message. Borrowed for the call.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void send(Bytes message) = 0;
};

// What a peer sent through the relay, a view of the message it came in.
struct Received {
  Endpoint from;
  MutableBytes data;
};

struct Counters {
  std::uint64_t malformed = 0;
  std::uint64_t unauthenticated = 0;  // responses with a wrong MESSAGE-INTEGRITY
  std::uint64_t unmatched = 0;        // responses to nothing we asked, data of no channel of ours
  std::uint64_t dropped = 0;          // to be sent, but not sent: not ready, too long, or refused
};

// One allocation on a TURN server (RFC 8656) with long-term credentials (RFC 8489 section 9.2). Sans-IO, one
// thread. The relayed address is IPv4, as servers give it unless asked otherwise.
//
// A peer is given a permission when something is first sent to it, and a channel when something other than
// STUN is: ICE tries many peers and keeps one. Both are renewed in time while they are used. What is sent
// before there is a permission waits for it, the newest datagram of each peer. Holds at most max_peers.
class Client {
 public:
  static constexpr std::size_t max_peers = 64;
  static constexpr std::size_t max_data = 1500;  // bytes of a peer's datagram

  // `random` must outlive the client.
  Client(std::string username, std::string password, Carrier carrier, Random& random);

  void start(Instant now, Wire& wire);
  // One message from the server: a datagram, or what measure_message() told apart. May be overwritten through
  // what is returned.
  std::optional<Received> handle_message(Instant now, MutableBytes message, Wire& wire);
  // To a peer by way of the relay. May fail silently, as UDP does. Looks at no clock: what it makes due is
  // done by the next handle_timeout(), for which deadline() then asks at once.
  void send(const Endpoint& peer, Bytes data, Wire& wire);
  void handle_timeout(Instant now, Wire& wire);
  Instant deadline() const { return deadline_; }
  // Gives the allocation back.
  void close(Wire& wire);

  State state() const { return state_; }
  // For people, naming what the server said. Empty unless failed.
  const std::string& error() const { return error_; }
  // Valid when ready.
  const Endpoint& relayed() const { return relayed_; }
  const Counters& counters() const { return counters_; }

 private:
  static constexpr Instant overdue{};

  // Something granted for a time.
  struct Lease {
    enum class Stage : std::uint8_t { none, wanted, asked, held, renewing, refused };
    Stage stage = Stage::none;
    bool used = false;  // since it was last asked for
    Instant renew_at = never;
    Instant ends = never;

    bool is_held() const { return stage == Stage::held || stage == Stage::renewing; }
  };
  struct Peer {
    Endpoint at;
    Lease permission;
    Lease channel;
    std::uint16_t number = 0;  // of the channel; 0: none left
    ByteVector waiting;
  };
  enum class Purpose : std::uint8_t { allocate, refresh, permit, bind };
  struct Request {
    Purpose purpose = Purpose::allocate;
    Endpoint peer = {};         // permit, bind
    std::uint16_t channel = 0;  // bind
    stun::TransactionId transaction{};
    ByteVector bytes = {};
    Instant next_send{};  // or, after the last copy, when to give up
    Duration interval{};
    int copies = 0;
    int attempts = 0;  // with another nonce each
  };

  std::optional<Received> handle_channel_data(MutableBytes message);
  std::optional<Received> handle_data(MutableBytes message, const stun::Message& indication);
  void handle_response(Instant now, const stun::Message& response, Wire& wire);
  void handle_success(Instant now, const Request& request, const stun::Message& response, Wire& wire);
  void handle_error(Instant now, Request request, const stun::Message& response, Wire& wire);
  bool take_credentials(const stun::Message& response);
  void handle_allocated(Instant now, const stun::Message& response);
  void handle_refusal(const Request& request, const std::string& why);

  void ask(Instant now, Request request, Wire& wire);
  void repeat_requests(Instant now, Wire& wire);
  void renew_leases(Instant now, Wire& wire);
  bool wants_request(Instant now, Lease& lease);
  void send_indication(const Endpoint& peer, Bytes data, Wire& wire);
  void set_lifetime(Instant now, std::uint32_t seconds);
  Peer* find(const Endpoint& peer);
  Peer* find_or_add(const Endpoint& peer);
  static Lease& lease_of(Peer& peer, Purpose purpose);
  void fail(std::string why);
  void plan();

  const std::string username_;
  const std::string password_;
  const Carrier carrier_;
  Random& random_;
  State state_ = State::idle;
  std::string error_;
  std::string realm_;
  std::string nonce_;
  std::string key_;  // empty before the server named its realm
  Endpoint relayed_;
  Instant refresh_at_ = never;
  std::uint16_t next_channel_ = 0x4000;  // up to 0x4fff, RFC 8656 section 12; none is used for a second peer
  std::vector<Peer> peers_;
  std::vector<Request> requests_;
  Instant deadline_ = never;
  ByteVector scratch_;
  Counters counters_;
};

}  // namespace holdfast::turn

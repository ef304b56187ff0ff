#pragma once

// What the tests of the agent share: two agents on a simulated network, and a lite server.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>

#include "ice/agent.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"

namespace holdfast::ice {
// An agent at one address of the simulated network, with its timers driven.
class Peer {
 public:
  Peer(sim::SimClock& clock, sim::SimNet& net, const char* address, const Config& config, std::uint64_t seed)
      : clock_(clock), random_(seed), agent(config, random_), at(*Endpoint::parse(address)) {
    out = &net.attach(at, [this](const Endpoint& from, Bytes datagram) {
      if (stun::is_stun(datagram)) agent.handle_stun(clock_.now(), from, datagram, *out);
    });
    clock.drive([this] { return agent.deadline(); },
                [this](Instant now) {
                  ++timeouts;
                  agent.handle_timeout(now, *out);
                  if (after_timeout) after_timeout(now);
                });
  }

  void learn_credentials(const Peer& other) {
    EXPECT_TRUE(agent.set_remote(clock_.now(), other.agent.local_credentials(), RemoteKind::full));
  }
  void learn_candidate(const Peer& other) { learn_candidate(other.at.to_string(), 65535); }
  void learn_candidate(std::string_view endpoint, std::uint16_t preference) {
    agent.add_remote_candidate(clock_.now(), Candidate::host(*Endpoint::parse(endpoint), preference));
  }
  bool is_connected_to(const Peer& other) const {
    return agent.state() == State::connected && agent.selected() == Path{other.at};
  }

 private:
  sim::SimClock& clock_;
  SeededRandom random_;

 public:
  Agent agent;
  Endpoint at;
  Outbox* out = nullptr;
  int timeouts = 0;
  std::function<void(Instant)> after_timeout;
};

class Discard final : public Outbox {
 public:
  void send(const Endpoint&, Bytes) override { ++datagrams; }
  int datagrams = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed = 1, Role ours = Role::controlled, Role theirs = Role::controlling)
      : net(clock, seed),
        us(clock, net, "192.0.2.1:1000", {.role = ours}, seed * 2 + 1),
        them(clock, net, "192.0.2.2:2000", {.role = theirs}, seed * 2 + 2) {}

  void exchange_credentials() {
    us.learn_credentials(them);
    them.learn_credentials(us);
  }
  void exchange_everything() {
    exchange_credentials();
    us.learn_candidate(them);
    them.learn_candidate(us);
  }
  bool are_connected() const { return us.is_connected_to(them) && them.is_connected_to(us); }
  bool connect(Duration within) {
    return clock.run_until([this] { return are_connected(); }, within);
  }
  Duration elapsed() const { return clock.now() - start; }

  sim::SimClock clock;
  Instant start = clock.now();
  sim::SimNet net;
  Peer us;
  Peer them;
};

// Answers every authentic request, as an ice-lite server does, and remembers what was nominated.
class LiteServer {
 public:
  LiteServer(sim::SimNet& net, const Credentials& its_own) : credentials(its_own) {
    Outbox& out = net.attach(at, [](const Endpoint&, Bytes) {});
    net.attach(at, [this, &out](const Endpoint& from, Bytes datagram) {
      const auto request = stun::parse(datagram);
      if (!request || !stun::is_authentic(*request, this->credentials.pwd)) return;
      if (request->use_candidate) nominated = from;
      was_controlled = request->controlling.has_value();
      stun::Message response;
      response.type = stun::Class::success;
      response.transaction = request->transaction;
      response.mapped = from;
      out.send(from, stun::serialize(response, this->credentials.pwd));
    });
  }

  Credentials credentials;
  Endpoint at = *Endpoint::parse("192.0.2.3:7882");
  std::optional<Endpoint> nominated;
  bool was_controlled = false;
};

class AgentTest : public testing::Test {
 protected:
  void connect() {
    world_.exchange_everything();
    ASSERT_TRUE(world_.connect(std::chrono::seconds(1)));
  }
  // A request as the controlling peer would send it.
  stun::Message request_of_theirs() {
    username_ = us_.agent.local_credentials().ufrag + ":" + them_.agent.local_credentials().ufrag;
    stun::Message request;
    request.transaction = {1, 2, 3};
    request.username = username_;
    request.priority = candidate_priority(CandidateType::peer_reflexive, 1);
    request.controlling = 0;
    return request;
  }
  ByteVector signed_for_us(const stun::Message& request) {
    return stun::serialize(request, us_.agent.local_credentials().pwd);
  }
  bool give_us(std::string_view from, Bytes datagram) {
    return us_.agent.handle_stun(world_.clock.now(), *Endpoint::parse(from), datagram, discard_);
  }

  World world_;
  Peer& us_ = world_.us;
  Peer& them_ = world_.them;
  Discard discard_;
  std::string username_;
};

}  // namespace holdfast::ice

// Several ways between two agents: other bases than the socket, and what happens when a path dies.
#include <gtest/gtest.h>

#include "ice/agent_test.hpp"

namespace holdfast::ice {
namespace {

using namespace std::chrono_literals;

// Another way out of our side: the others see it as `seen_as`. Stands for a TCP connection or a relay.
class Way {
 public:
  Way(World& world, const char* seen_as, bool relays)
      : at(*Endpoint::parse(seen_as)),
        out(&world.net.attach(at,
                              [this, &world](const Endpoint& from, Bytes datagram) {
                                if (is_open) {
                                  world.us.agent.handle_stun(world.clock.now(), from, datagram, *world.us.out,
                                                             base);
                                }
                              })),
        base(relays ? Base::relay(*out, 1) : Base::connection(*out)) {}

  Endpoint at;
  Outbox* out;
  Base base;
  bool is_open = true;
};

class BasesTest : public AgentTest {
 protected:
  void open(const Way& way) {
    us_.agent.add_remote_candidate(world_.clock.now(), Candidate::host(them_.at, 65535), way.base);
  }
  // Lets no datagram pass between the two sockets any more.
  void block_udp() { world_.net.black_out(us_.at, them_.at, 24h); }
  bool we_use(const Way& way, Duration within) {
    return world_.clock.run_until(
        [&] {
          return us_.agent.state() == State::connected && us_.agent.selected() == Path{them_.at, way.out} &&
                 them_.agent.selected() == Path{way.at};
        },
        within);
  }
  Way connection_{world_, "192.0.2.1:4001", false};
  Way relay_{world_, "198.51.100.2:5001", true};
};

TEST_F(BasesTest, WithoutUdpTheConnectionIsUsed) {
  block_udp();
  world_.exchange_everything();
  world_.clock.run_for(1s);
  EXPECT_FALSE(us_.agent.has_valid_pair());
  open(connection_);
  EXPECT_TRUE(we_use(connection_, 1s));
  world_.clock.run_for(10min);
  EXPECT_TRUE(we_use(connection_, 0s));
}

TEST_F(BasesTest, TheRelayIsTheLastResort) {
  block_udp();
  world_.exchange_everything();
  open(relay_);
  open(connection_);
  EXPECT_TRUE(we_use(connection_, 1s));
}

TEST_F(BasesTest, ARelayAloneWillDo) {
  block_udp();
  world_.exchange_everything();
  open(relay_);
  EXPECT_TRUE(we_use(relay_, 1s));
}

TEST_F(BasesTest, AResponseCountsOnlyOnTheBaseThatAsked) {
  block_udp();
  world_.exchange_credentials();
  open(connection_);
  ByteVector request_bytes;
  world_.net.attach(them_.at, [&](const Endpoint&, Bytes datagram) {
    request_bytes.assign(datagram.begin(), datagram.end());
  });
  us_.agent.handle_timeout(world_.clock.now(), *us_.out);
  world_.clock.run_for(50ms);
  stun::Message response;
  response.type = stun::Class::success;
  response.transaction = stun::parse(request_bytes)->transaction;
  const ByteVector bytes = stun::serialize(response, them_.agent.local_credentials().pwd);
  const auto give = [&](const Base& base) {
    return us_.agent.handle_stun(world_.clock.now(), them_.at, bytes, *us_.out, base);
  };
  EXPECT_FALSE(give({}));
  EXPECT_FALSE(give(relay_.base));
  EXPECT_TRUE(give(connection_.base));
}

TEST_F(BasesTest, TheOnlyConnectionGoneIsFailureAtOnce) {
  block_udp();
  world_.exchange_everything();
  open(connection_);
  ASSERT_TRUE(we_use(connection_, 1s));
  us_.agent.remove_base(world_.clock.now(), *connection_.out);
  EXPECT_EQ(us_.agent.state(), State::failed);
}

TEST_F(BasesTest, ABaseThatWasNotChosenMayGoUnnoticed) {
  world_.exchange_everything();
  open(relay_);
  ASSERT_TRUE(world_.connect(1s));
  us_.agent.remove_base(world_.clock.now(), *relay_.out);
  relay_.is_open = false;
  world_.clock.run_for(1min);
  EXPECT_TRUE(world_.are_connected());
}

class ControllingBasesTest : public BasesTest {
 protected:
  void SetUp() override {
    us_.agent.~Agent();
    new (&us_.agent) Agent({.role = Role::controlling}, random_);
    them_.agent.~Agent();
    new (&them_.agent) Agent({.role = Role::controlled}, random_);
  }
  SeededRandom random_{5};
};

TEST_F(ControllingBasesTest, ALostConnectionIsReplacedByWhatElseWorks) {
  block_udp();
  world_.exchange_everything();
  open(relay_);
  open(connection_);
  ASSERT_TRUE(we_use(connection_, 1s));
  connection_.is_open = false;
  us_.agent.remove_base(world_.clock.now(), *connection_.out);
  EXPECT_EQ(us_.agent.selected(), std::nullopt);
  EXPECT_TRUE(we_use(relay_, 10s));  // the peer believes in the former path until our next consent check
}

TEST_F(ControllingBasesTest, WhenTheNominatedPathFallsSilentAnotherIsNominated) {
  world_.exchange_everything();
  open(relay_);
  ASSERT_TRUE(world_.connect(1s));
  world_.clock.run_for(1min);
  block_udp();
  EXPECT_TRUE(we_use(relay_, 10s));
  world_.clock.run_for(10min);
  EXPECT_TRUE(we_use(relay_, 0s));
}

TEST_F(ControllingBasesTest, APathThatIsHeardAgainIsKept) {
  world_.exchange_everything();
  open(relay_);
  ASSERT_TRUE(world_.connect(1s));
  world_.net.black_out(us_.at, them_.at, 20s);
  world_.net.black_out(relay_.at, them_.at, 20s);
  world_.clock.run_for(10s);
  EXPECT_EQ(us_.agent.state(), State::disconnected);
  world_.clock.run_for(30s);
  EXPECT_EQ(us_.agent.state(), State::connected);
  EXPECT_TRUE(them_.agent.state() == State::connected);
  world_.clock.run_for(10min);
  EXPECT_EQ(us_.agent.state(), State::connected);
}

TEST(AgentFailoverTest, TheControllingSideMovesToAnotherAddressOfThePeers) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    const Endpoint second = *Endpoint::parse("192.0.2.1:1001");
    Outbox* out = &world.net.attach(second, [](const Endpoint&, Bytes) {});
    world.net.attach(second, [&](const Endpoint& from, Bytes datagram) {
      world.us.agent.handle_stun(world.clock.now(), from, datagram, *out);
    });
    world.exchange_credentials();
    world.them.learn_candidate(world.us.at.to_string(), 65535);
    world.them.learn_candidate("192.0.2.1:1001", 1);
    ASSERT_TRUE(world.connect(5s));
    world.net.everywhere = {.jitter = 20ms, .loss = 0.1};
    world.net.black_out(world.us.at, world.them.at, 24h);
    EXPECT_TRUE(world.clock.run_until(
        [&] {
          return world.them.agent.state() == State::connected && world.them.agent.selected() == Path{second};
        },
        25s))
        << "seed " << seed;
  }
}

// --- the round trip ---

TEST_F(AgentTest, ARoundTripLongerThanARepetitionIsKnownAllTheSame) {
  for (const auto delay : {200ms, 400ms, 900ms, 2000ms}) {
    World world;
    world.net.everywhere.delay = delay;
    world.exchange_everything();
    ASSERT_TRUE(world.connect(30s)) << delay.count();
    world.clock.run_for(1min);
    EXPECT_EQ(world.us.agent.round_trip(), 2 * delay);
    EXPECT_EQ(world.them.agent.round_trip(), 2 * delay);
  }
}

}  // namespace
}  // namespace holdfast::ice

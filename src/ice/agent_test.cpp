#include "ice/agent_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace holdfast::ice {
namespace {

using namespace std::chrono_literals;

// --- finding a path ---

TEST_F(AgentTest, TwoAgentsConnectInTwoRoundTrips) {
  EXPECT_EQ(us_.agent.state(), State::waiting);
  world_.exchange_everything();
  EXPECT_EQ(us_.agent.state(), State::checking);
  ASSERT_TRUE(world_.connect(1s));
  EXPECT_LE(world_.elapsed(), 40ms);  // a path of 10 ms each way: one round trip to check, one to nominate
}

TEST_F(AgentTest, TheRoundTripIsThatOfThePath) {
  connect();
  EXPECT_EQ(us_.agent.round_trip(), 20ms);
  EXPECT_EQ(them_.agent.round_trip(), 20ms);
}

TEST_F(AgentTest, OneSidesCandidatesAreEnough) {
  world_.exchange_credentials();
  us_.learn_candidate(them_);  // they learn ours from our check, as LiveKit does
  EXPECT_TRUE(world_.connect(200ms));
}

TEST_F(AgentTest, ChecksThatComeBeforeThePeersCredentialsAreNotForgotten) {
  them_.learn_credentials(us_);
  them_.learn_candidate(us_);
  world_.clock.run_for(100ms);
  EXPECT_EQ(us_.agent.state(), State::waiting);
  us_.learn_credentials(them_);
  EXPECT_TRUE(world_.connect(100ms));
}

TEST_F(AgentTest, CandidatesMayComeLate) {
  world_.exchange_credentials();
  world_.clock.run_for(10s);
  EXPECT_EQ(us_.agent.state(), State::waiting);
  us_.learn_candidate(them_);
  EXPECT_TRUE(world_.connect(200ms));
}

TEST_F(AgentTest, WithoutACandidateItFailsInTheEnd) {
  world_.exchange_credentials();
  world_.clock.run_for(31s);
  EXPECT_EQ(us_.agent.state(), State::failed);
  EXPECT_EQ(us_.agent.deadline(), never);
}

TEST_F(AgentTest, AWrongPasswordConnectsNobody) {
  Credentials wrong = them_.agent.local_credentials();
  wrong.pwd.back() = wrong.pwd.back() == 'x' ? 'y' : 'x';
  ASSERT_TRUE(us_.agent.set_remote(world_.clock.now(), wrong, RemoteKind::full));
  them_.learn_credentials(us_);
  us_.learn_candidate(them_);
  them_.learn_candidate(us_);
  world_.clock.run_for(1min);
  EXPECT_EQ(us_.agent.state(), State::failed);
  EXPECT_EQ(them_.agent.state(), State::failed);
  EXPECT_EQ(us_.agent.selected(), std::nullopt);
  EXPECT_GT(them_.agent.counters().unauthenticated, 0u);
}

TEST_F(AgentTest, CredentialsOfForbiddenLengthsAreRefused) {
  const Instant now = world_.clock.now();
  const std::string pwd(22, 'p');
  EXPECT_FALSE(us_.agent.set_remote(now, {"abc", pwd}, RemoteKind::full));
  EXPECT_FALSE(us_.agent.set_remote(now, {std::string(257, 'u'), pwd}, RemoteKind::full));
  EXPECT_FALSE(us_.agent.set_remote(now, {"abcd", pwd.substr(1)}, RemoteKind::full));
  EXPECT_FALSE(us_.agent.set_remote(now, {"abcd", std::string(257, 'p')}, RemoteKind::full));
  EXPECT_TRUE(us_.agent.set_remote(now, {"abcd", pwd}, RemoteKind::full));
}

TEST_F(AgentTest, ADeadBetterCandidateDelaysNominationOnlyBriefly) {
  world_.exchange_credentials();
  them_.learn_candidate("203.0.113.9:9", 65535);
  them_.learn_candidate(us_.at.to_string(), 1);
  EXPECT_TRUE(world_.connect(200ms));
}

TEST_F(AgentTest, TheBetterOfTwoPathsIsNominatedThoughItIsTheSlower) {
  const Endpoint second = *Endpoint::parse("192.0.2.1:1001");
  world_.net.attach(second, [&](const Endpoint& from, Bytes datagram) {
    us_.agent.handle_stun(world_.clock.now(), from, datagram,
                          world_.net.attach(second, [](const Endpoint&, Bytes) {}));
  });
  world_.net.path(them_.at, us_.at).delay = 30ms;
  world_.exchange_credentials();
  them_.learn_candidate(us_.at.to_string(), 65535);
  them_.learn_candidate("192.0.2.1:1001", 1);
  world_.clock.run_for(1s);
  EXPECT_EQ(them_.agent.selected(), Path{us_.at});
}

TEST_F(AgentTest, ChecksArePaced) {
  world_.exchange_credentials();
  for (int port = 1; port <= 64; ++port) us_.learn_candidate("203.0.113.9:" + std::to_string(port), 1);
  const auto sent = [this] { return us_.agent.counters().checks_sent; };
  world_.clock.run_for(1ms);
  EXPECT_EQ(sent(), 5u);  // the first few at once
  world_.clock.run_for(1s);
  EXPECT_EQ(sent(), 25u);  // then one each 50 ms
  world_.clock.run_for(10s);
  EXPECT_EQ(sent(), 225u);
}

TEST_F(AgentTest, RepetitionsBackOff) {
  world_.exchange_credentials();
  us_.learn_candidate("203.0.113.9:9", 1);
  world_.clock.run_for(29s);
  // At 0 and 0.5 s, then every second.
  EXPECT_EQ(us_.agent.counters().checks_sent, 30u);
}

// --- a lite peer ---

class LiteServerTest : public AgentTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(us_.agent.set_remote(world_.clock.now(), server_.credentials, RemoteKind::lite));
    us_.learn_candidate(server_.at.to_string(), 65535);
    world_.clock.run_for(100ms);
  }
  LiteServer server_{world_.net, {"lite", "a password of the server"}};
};

TEST_F(LiteServerTest, WeControlAndNominate) {
  EXPECT_EQ(us_.agent.role(), Role::controlling);
  EXPECT_TRUE(server_.was_controlled);
  EXPECT_EQ(server_.nominated, us_.at);
  EXPECT_EQ(us_.agent.state(), State::connected);
  EXPECT_EQ(us_.agent.selected(), Path{server_.at});
}

TEST_F(LiteServerTest, ItFollowsWhenOurAddressChanges) {
  const Endpoint outside = *Endpoint::parse("198.51.100.1:5000");
  world_.net.rebind(us_.at, outside);
  world_.clock.run_for(6s);
  EXPECT_EQ(server_.nominated, outside);
  world_.clock.run_for(1min);
  EXPECT_EQ(us_.agent.state(), State::connected);
}

// --- roles ---

TEST(AgentRoleTest, AConflictIsResolvedWhateverTheTieBreakers) {
  for (const Role role : {Role::controlling, Role::controlled}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      World world(seed, role, role);
      world.exchange_everything();
      EXPECT_TRUE(world.connect(1s)) << "seed " << seed;
      EXPECT_NE(world.us.agent.role(), world.them.agent.role());
      EXPECT_GT(world.us.agent.counters().role_conflicts + world.them.agent.counters().role_conflicts, 0u);
    }
  }
}

TEST(AgentRoleTest, AConflictIsResolvedOnALossyNetwork) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(seed, Role::controlling, Role::controlling);
    world.net.everywhere = {.jitter = 20ms, .loss = 0.2, .reorder = 0.1, .duplicate = 0.1};
    world.exchange_everything();
    EXPECT_TRUE(world.connect(20s)) << "seed " << seed;
    EXPECT_NE(world.us.agent.role(), world.them.agent.role());
  }
}

TEST_F(AgentTest, AConflictInWhichThePeerIsToChangeIsAnsweredWith487) {
  world_.exchange_everything();
  stun::Message request = request_of_theirs();
  request.controlling.reset();
  request.controlled =
      UINT64_MAX;  // both are controlled, and theirs is the greater tie-breaker: they are to control
  std::optional<stun::ErrorCode> error;
  const Endpoint stranger = *Endpoint::parse("192.0.2.9:9");
  world_.net.attach(stranger, [&](const Endpoint&, Bytes datagram) { error = stun::parse(datagram)->error; });
  us_.agent.handle_stun(world_.clock.now(), stranger, signed_for_us(request), *us_.out);
  world_.clock.run_for(15ms);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->number, stun::role_conflict);
  EXPECT_EQ(us_.agent.role(), Role::controlled);
}

// --- nomination by the peer ---

TEST_F(AgentTest, OfSeveralNominationsAtOnceTheBestCounts) {
  connect();
  stun::Message request = request_of_theirs();
  request.use_candidate = true;
  LiteServer other(world_.net, them_.agent.local_credentials());
  us_.agent.handle_stun(world_.clock.now(), other.at, signed_for_us(request), *us_.out);
  world_.clock.run_for(100ms);
  EXPECT_EQ(us_.agent.selected(), Path{them_.at});  // a signalled host candidate is better than one learnt
}

TEST_F(AgentTest, ALaterNominationMovesThePath) {
  connect();
  world_.net.black_out(us_.at, them_.at, 1h);
  world_.clock.run_for(5s);
  stun::Message request = request_of_theirs();
  request.use_candidate = true;
  LiteServer other(world_.net, them_.agent.local_credentials());
  us_.agent.handle_stun(world_.clock.now(), other.at, signed_for_us(request), *us_.out);
  world_.clock.run_for(100ms);
  EXPECT_EQ(us_.agent.selected(), Path{other.at});
  EXPECT_EQ(us_.agent.state(), State::connected);
}

TEST_F(AgentTest, WeFollowThePeerThroughANatRebinding) {
  connect();
  const Endpoint outside = *Endpoint::parse("198.51.100.1:5000");
  world_.clock.run_for(30s);
  world_.net.rebind(them_.at, outside);
  EXPECT_TRUE(world_.clock.run_until([&] { return us_.agent.selected() == Path{outside}; }, 10s));
  world_.clock.run_for(2min);
  EXPECT_EQ(us_.agent.state(), State::connected);
  EXPECT_EQ(them_.agent.state(), State::connected);
}

TEST_F(AgentTest, APeerMayChangeItsAddressMoreOftenThanWeRemember) {
  connect();
  for (int i = 0; i < 200; ++i) {
    const Endpoint outside{*IpAddress::parse("198.51.100.1"), static_cast<std::uint16_t>(5000 + i)};
    world_.net.rebind(them_.at, outside);
    world_.clock.run_for(12s);
    ASSERT_EQ(us_.agent.selected(), Path{outside}) << "change " << i;
  }
  EXPECT_EQ(us_.agent.state(), State::connected);
  EXPECT_GT(us_.agent.counters().candidates_dropped, 0u);
}

// --- bad networks ---

struct Weather {
  const char* name;
  sim::Path path;
  Duration median_within;  // half of the seeds connect within this ...
  Duration all_within;     // ... and all of them within this
};

class BadNetworkTest : public testing::TestWithParam<Weather> {};

TEST_P(BadNetworkTest, TheyConnectWithEverySeed) {
  std::vector<Duration> times;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    World world(seed);
    world.net.everywhere = GetParam().path;
    world.exchange_everything();
    ASSERT_TRUE(world.connect(30s)) << "seed " << seed;
    times.push_back(world.elapsed());
  }
  std::ranges::sort(times);
  RecordProperty("median_ms", static_cast<int>(to_milliseconds(times[50])));
  RecordProperty("worst_ms", static_cast<int>(to_milliseconds(times[99])));
  EXPECT_LE(times[50], GetParam().median_within);
  EXPECT_LE(times[99], GetParam().all_within);
}

INSTANTIATE_TEST_SUITE_P(
    Weather, BadNetworkTest,
    testing::Values(Weather{"loss_5", {.jitter = 10ms, .loss = 0.05}, 70ms, 2s},
                    Weather{"loss_20", {.jitter = 10ms, .loss = 0.2}, 700ms, 6s},
                    Weather{"loss_40", {.jitter = 10ms, .loss = 0.4}, 3s, 15s},
                    Weather{"bursts", {.burst_loss = 0.1, .burst_length = 500ms}, 1s, 10s},
                    Weather{"far", {.delay = 300ms, .jitter = 200ms}, 2s, 3s},
                    Weather{"wild",
                            {.jitter = 60ms, .loss = 0.1, .reorder = 0.3, .duplicate = 0.3, .corrupt = 0.1},
                            1s,
                            8s}),
    [](const auto& weather) { return weather.param.name; });

TEST(BadNetworkConsentTest, EveryFifthDatagramMayBeLostForTenMinutes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    world.exchange_everything();
    ASSERT_TRUE(world.connect(1s));
    sim::Path lossy;
    lossy.loss = 0.2;
    world.net.both_ways(world.us.at, world.them.at, lossy);
    const auto is_lost = [&] {
      return world.us.agent.state() == State::failed || world.them.agent.state() == State::failed;
    };
    EXPECT_FALSE(world.clock.run_until(is_lost, 10min)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace holdfast::ice

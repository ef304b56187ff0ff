#include <gtest/gtest.h>

#include "ice/agent_test.hpp"

namespace holdfast::ice {
namespace {

using namespace std::chrono_literals;

// --- consent ---

TEST_F(AgentTest, AnIdlePathIsKeptByConsentChecksAlone) {
  connect();
  const auto before = us_.agent.counters().checks_sent;
  world_.clock.run_for(1h);
  EXPECT_TRUE(world_.are_connected());
  const auto checks = us_.agent.counters().checks_sent - before;
  EXPECT_GE(checks, 3600u / 6);
  EXPECT_LE(checks, 3600u / 4);
}

TEST_F(AgentTest, ConsentExpiresThirtySecondsAfterTheLastAnswer) {
  connect();
  world_.clock.run_for(1min);
  world_.net.black_out(us_.at, them_.at, 1h);
  const Instant start = world_.clock.now();
  EXPECT_TRUE(world_.clock.run_until([&] { return us_.agent.state() == State::disconnected; }, 1min));
  EXPECT_LE(world_.clock.now() - start, 8s);
  EXPECT_EQ(us_.agent.selected(), Path{them_.at});
  EXPECT_TRUE(world_.clock.run_until([&] { return us_.agent.state() == State::failed; }, 1min));
  EXPECT_LE(world_.clock.now() - start, 30s);
  EXPECT_GE(world_.clock.now() - start, 24s);
  EXPECT_EQ(us_.agent.selected(), std::nullopt);
}

TEST_F(AgentTest, AFailedAgentIsSilent) {
  connect();
  world_.net.black_out(us_.at, them_.at, 1h);
  world_.clock.run_for(1min);
  const auto checks = us_.agent.counters().checks_sent;
  EXPECT_FALSE(give_us("192.0.2.2:2000", signed_for_us(request_of_theirs())));
  us_.learn_candidate(them_);
  world_.clock.run_for(1min);
  EXPECT_EQ(us_.agent.deadline(), never);
  EXPECT_EQ(discard_.datagrams, 0);
  EXPECT_EQ(us_.agent.counters().checks_sent, checks);
}

TEST_F(AgentTest, AnOutageShorterThanConsentHeals) {
  connect();
  world_.net.black_out(us_.at, them_.at, 20s);
  world_.clock.run_for(19s);
  EXPECT_EQ(us_.agent.state(), State::disconnected);
  world_.clock.run_for(8s);
  EXPECT_TRUE(world_.are_connected());
}

TEST_F(AgentTest, MediaKeepsItConnectedButDoesNotRenewConsent) {
  connect();
  world_.net.black_out(us_.at, them_.at, 1h);
  for (int i = 0; i < 20; ++i) {
    world_.clock.run_for(1s);
    us_.agent.handle_activity(world_.clock.now());
    EXPECT_EQ(us_.agent.state(), State::connected);
  }
  world_.clock.run_for(11s);
  EXPECT_EQ(us_.agent.state(), State::failed);
}

TEST_F(AgentTest, MediaAloneBringsItBackFromDisconnected) {
  connect();
  world_.net.black_out(us_.at, them_.at, 1h);
  world_.clock.run_for(9s);
  ASSERT_EQ(us_.agent.state(), State::disconnected);
  us_.agent.handle_activity(world_.clock.now());
  EXPECT_EQ(us_.agent.state(), State::connected);
  world_.clock.run_for(8s);
  EXPECT_EQ(us_.agent.state(), State::disconnected);
}

// --- restart ---

TEST_F(AgentTest, ARestartFindsANewPathWhileTheOldOneIsUsed) {
  connect();
  world_.clock.run_for(1min);
  const Credentials before = us_.agent.local_credentials();
  us_.agent.restart(world_.clock.now());
  them_.agent.restart(world_.clock.now());
  EXPECT_NE(us_.agent.local_credentials(), before);
  EXPECT_EQ(us_.agent.selected(), Path{them_.at});
  EXPECT_EQ(us_.agent.state(), State::waiting);
  world_.clock.run_for(5s);
  world_.exchange_everything();
  EXPECT_TRUE(world_.connect(100ms));
  world_.clock.run_for(2min);
  EXPECT_TRUE(world_.are_connected());
}

TEST_F(AgentTest, ARestartRevivesAFailedAgent) {
  connect();
  world_.net.black_out(us_.at, them_.at, 1min);
  world_.clock.run_for(1min);
  ASSERT_EQ(us_.agent.state(), State::failed);
  us_.agent.restart(world_.clock.now());
  them_.agent.restart(world_.clock.now());
  world_.exchange_everything();
  EXPECT_TRUE(world_.connect(100ms));
}

TEST_F(AgentTest, ARestartNobodyAnswersEndsThePath) {
  connect();
  us_.agent.restart(world_.clock.now());
  world_.clock.run_for(31s);
  EXPECT_EQ(us_.agent.state(), State::failed);
  EXPECT_EQ(us_.agent.selected(), std::nullopt);
}

TEST_F(AgentTest, AfterARestartTheOldCredentialsCountForNothing) {
  connect();
  const ByteVector old = signed_for_us(request_of_theirs());
  us_.agent.restart(world_.clock.now());
  EXPECT_FALSE(give_us("192.0.2.2:2000", old));
  EXPECT_EQ(us_.agent.counters().unauthenticated, 1u);
}

TEST_F(AgentTest, TheSameRemoteCredentialsAgainChangeNothing) {
  connect();
  const auto checks = us_.agent.counters().checks_sent;
  world_.exchange_everything();
  world_.clock.run_for(1s);
  EXPECT_TRUE(world_.are_connected());
  EXPECT_EQ(us_.agent.counters().checks_sent, checks);
}

// --- timers ---

TEST_F(AgentTest, ItSleepsBetweenItsDeadlines) {
  connect();
  const int before = us_.timeouts;
  world_.clock.run_for(1h);
  // A consent check each 5 s, and a look now and then whether the peer has gone silent.
  EXPECT_LE(us_.timeouts - before, 2 * 900);
}

TEST(AgentTimerTest, AfterATimeoutTheNextDeadlineIsInTheFuture) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed, seed % 2 ? Role::controlling : Role::controlled);
    world.net.everywhere = {.jitter = 50ms, .loss = 0.5, .duplicate = 0.2};
    world.exchange_everything();
    bool is_late = false;
    world.us.after_timeout = [&](Instant now) { is_late |= world.us.agent.deadline() <= now; };
    world.clock.run_for(5min);
    EXPECT_FALSE(is_late) << "seed " << seed;
  }
}

}  // namespace
}  // namespace holdfast::ice

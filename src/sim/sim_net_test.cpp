#include "sim/sim_net.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

namespace holdfast::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct Arrival {
  Endpoint from;
  std::string text;
  Duration at;
};

class SimNetTest : public testing::Test {
 protected:
  SimNetTest() {
    net_.attach(alice_, [](const Endpoint&, Bytes) {});
    listen(bob_);
  }

  void listen(const Endpoint& at) {
    net_.attach(at, [this](const Endpoint& from, Bytes datagram) {
      arrivals_.push_back({from, std::string(as_text(datagram)), clock_.now() - start_});
    });
  }
  void send(std::string_view text) { net_.send(alice_, bob_, as_bytes(text)); }
  void send_many(int count) {
    for (int i = 0; i < count; ++i) {
      clock_.run_for(1ms);
      send(std::to_string(i));
    }
    clock_.run_for(1s);
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const Arrival& arrival : arrivals_) texts.push_back(arrival.text);
    return texts;
  }
  Path& path() { return net_.path(alice_, bob_); }

  SimClock clock_;
  SimNet net_{clock_, 7};
  Instant start_ = clock_.now();
  Endpoint alice_ = *Endpoint::parse("192.0.2.1:1000");
  Endpoint bob_ = *Endpoint::parse("192.0.2.2:2000");
  std::vector<Arrival> arrivals_;
};

TEST_F(SimNetTest, ADatagramArrivesAfterTheDelayOfItsPath) {
  path().delay = 25ms;
  send("hello");
  clock_.run_for(1s);
  ASSERT_EQ(arrivals_.size(), 1u);
  EXPECT_EQ(arrivals_[0].from, alice_);
  EXPECT_EQ(arrivals_[0].text, "hello");
  EXPECT_EQ(arrivals_[0].at, 25ms);
}

TEST_F(SimNetTest, AnAttachedHostSendsThroughItsOutbox) {
  Outbox& out = net_.attach(alice_, [](const Endpoint&, Bytes) {});
  out.send(bob_, as_bytes("hello"));
  clock_.run_for(1s);
  EXPECT_THAT(texts(), ElementsAre("hello"));
}

TEST_F(SimNetTest, JitterAloneKeepsTheOrder) {
  path().jitter = 40ms;
  send_many(100);
  const auto by_number = [](const std::string& a, const std::string& b) {
    return std::stoi(a) < std::stoi(b);
  };
  const auto received = texts();
  EXPECT_EQ(received.size(), 100u);
  EXPECT_TRUE(std::is_sorted(received.begin(), received.end(), by_number));
}

TEST_F(SimNetTest, ReorderedDatagramsAreOvertaken) {
  path().reorder = 1;
  send("late");
  path().reorder = 0;
  send("early");
  clock_.run_for(1s);
  EXPECT_THAT(texts(), ElementsAre("early", "late"));
}

TEST_F(SimNetTest, WhatWillComeOfADatagramIsKnownWhenItIsSent) {
  path().delay = 25ms;
  send("arrives");
  EXPECT_EQ(net_.last_fate(), start_ + 25ms);
  path().loss = 1;
  send("lost");
  EXPECT_FALSE(net_.last_fate());
  path().loss = 0;
  path().corrupt = 1;
  send("broken");
  EXPECT_FALSE(net_.last_fate());
}

TEST_F(SimNetTest, ABurstMayBeCountedInDatagrams) {
  path().burst_datagrams = 20;
  path().burst_loss = 1;
  send("first");
  path().burst_loss = 0;
  send_many(30);
  ASSERT_EQ(texts().size(), 11u);
  EXPECT_EQ(texts().front(), "19");
}

TEST_F(SimNetTest, LossIsNearItsChance) {
  path().loss = 0.2;
  send_many(5000);
  EXPECT_NEAR(static_cast<double>(arrivals_.size()) / 5000, 0.8, 0.02);
  EXPECT_EQ(net_.counters(alice_, bob_).lost + arrivals_.size(), 5000u);
}

TEST_F(SimNetTest, BurstsAreAsLongAsAskedOnAverage) {
  path().burst_loss = 0.01;
  path().burst_length = 20ms;
  send_many(50000);
  int bursts = 0;
  int expected = 0;
  for (const std::string& text : texts()) {
    const int number = std::stoi(text);
    if (number != expected) ++bursts;
    expected = number + 1;
  }
  const double lost = static_cast<double>(net_.counters(alice_, bob_).lost);
  EXPECT_NEAR(lost / bursts, 20.5, 2);  // one datagram a millisecond, and the one that began it
}

TEST_F(SimNetTest, ADuplicateArrivesTwiceAndACorruptOneDiffersInOneBit) {
  path().duplicate = path().corrupt = 1;
  send("aaaa");
  clock_.run_for(1s);
  ASSERT_EQ(arrivals_.size(), 2u);
  EXPECT_EQ(arrivals_[0].text, "aaaa");
  int different_bits = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    different_bits += std::popcount(static_cast<unsigned>(arrivals_[1].text[i] ^ 'a') & 0xffu);
  }
  EXPECT_EQ(different_bits, 1);
}

TEST_F(SimNetTest, NothingPassesDuringABlackOut) {
  net_.black_out(alice_, bob_, 500ms);
  send("dark");
  clock_.run_for(500ms);
  send("light");
  clock_.run_for(1s);
  EXPECT_THAT(texts(), ElementsAre("light"));
}

TEST_F(SimNetTest, ADetachedHostReceivesNothingNotEvenWhatWasUnderWay) {
  send("lost");
  net_.detach(bob_);
  clock_.run_for(1s);
  EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(SimNetTest, ARebindingMovesTheSourceAddressAndKillsTheOldMapping) {
  const Endpoint first = *Endpoint::parse("198.51.100.1:5000");
  const Endpoint second = *Endpoint::parse("198.51.100.1:6000");
  net_.rebind(bob_, first);
  net_.send(alice_, first, as_bytes("first"));
  clock_.run_for(1s);
  net_.rebind(bob_, second);
  net_.send(alice_, first, as_bytes("dead mapping"));
  net_.send(alice_, bob_, as_bytes("private address"));
  net_.send(alice_, second, as_bytes("second"));
  clock_.run_for(1s);
  EXPECT_THAT(texts(), ElementsAre("first", "second"));

  Endpoint seen;
  net_.attach(alice_, [&](const Endpoint& from, Bytes) { seen = from; });
  net_.send(bob_, alice_, as_bytes("hello"));
  clock_.run_for(1s);
  EXPECT_EQ(seen, second);
}

TEST_F(SimNetTest, TheSameSeedGivesTheSameRun) {
  const auto run = [](std::uint64_t seed) {
    SimClock clock;
    SimNet net(clock, seed);
    const Endpoint a = *Endpoint::parse("192.0.2.1:1"), b = *Endpoint::parse("192.0.2.2:2");
    net.everywhere = {.jitter = 50ms, .loss = 0.3, .reorder = 0.3, .duplicate = 0.1, .corrupt = 0.1};
    std::string history;
    net.attach(b, [&](const Endpoint&, Bytes datagram) {
      history += std::string(as_text(datagram)) + "@" +
                 std::to_string(clock.now().time_since_epoch().count()) + "\n";
    });
    for (int i = 0; i < 200; ++i) net.send(a, b, as_bytes(std::to_string(i)));
    clock.run_for(1s);
    return history;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace holdfast::sim

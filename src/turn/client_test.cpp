#include "turn/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "turn/server_test.hpp"

namespace holdfast::turn {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Endpoint client_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint server_at{IpAddress::from_v4(192, 0, 2, 2), 3478};
const Endpoint relayed_at{IpAddress::from_v4(198, 51, 100, 2), 50'000};
const Endpoint peer_at{IpAddress::from_v4(203, 0, 113, 3), 7882};

// DTLS by its first byte; ICE by its cookie.
const std::string dtls = "\x16 a flight";
const std::string ice(
    "\0\1\0\0\x21\x12\xa4\x42"
    "0123456789ab",
    20);

class ClientTest : public testing::Test, protected Wire {
 protected:
  ClientTest() {
    to_server_ = &net_.attach(client_at, [this](const Endpoint&, Bytes message) { receive(message); });
    Outbox& back =
        net_.attach(server_at, [this](const Endpoint&, Bytes message) { server_.handle(message); });
    server_.to_client = [&back](Bytes message) { back.send(client_at, message); };
    to_us_ = &net_.attach(peer_at, [this](const Endpoint& from, Bytes data) {
      EXPECT_EQ(from, relayed_at);
      at_peer_.emplace_back(as_text(data));
    });
    clock_.drive([this] { return client_.deadline(); },
                 [this](Instant now) { client_.handle_timeout(now, *this); });
  }

  void allocate() {
    client_.start(clock_.now(), *this);
    clock_.run_for(1s);
    ASSERT_EQ(client_.state(), State::ready) << client_.error();
  }
  void send(std::string_view data, const Endpoint& to = peer_at) {
    client_.send(to, as_bytes(data), *this);
    clock_.run_for(200ms);
  }
  void answer(std::string_view data) {
    to_us_->send(relayed_at, as_bytes(data));
    clock_.run_for(200ms);
  }
  // Something each way once a minute, as a path in use has it.
  void use_for(Duration span) {
    for (Duration passed{}; passed < span; passed += 1min) {
      send(dtls);
      answer(dtls);
      clock_.run_for(1min - 400ms);
    }
  }

  void receive(Bytes message) {
    ByteVector copy(message.begin(), message.end());
    if (const auto received = client_.handle_message(clock_.now(), copy, *this)) {
      EXPECT_EQ(received->from, peer_at);
      here_.emplace_back(as_text(received->data));
    }
  }
  void send(Bytes message) override {
    ++messages_;
    to_server_->send(server_at, message);
  }

  sim::SimClock clock_;
  sim::SimNet net_{clock_, 1};
  SeededRandom random_{1};
  TestServer server_{clock_, net_, relayed_at};
  Client client_{"user", "secret", Carrier::datagrams, random_};
  Outbox* to_server_ = nullptr;
  Outbox* to_us_ = nullptr;
  std::vector<std::string> at_peer_;
  std::vector<std::string> here_;
  int messages_ = 0;
};

// --- the allocation ---

TEST_F(ClientTest, AnAllocationTakesTwoRoundTrips) {
  client_.start(clock_.now(), *this);
  clock_.run_for(41ms);
  EXPECT_EQ(client_.state(), State::ready);
  EXPECT_EQ(client_.relayed(), relayed_at);
  EXPECT_EQ(messages_, 2);  // the first learns realm and nonce
}

TEST_F(ClientTest, AWrongPasswordIsNamed) {
  server_.password = "another";
  client_.start(clock_.now(), *this);
  clock_.run_for(1s);
  EXPECT_EQ(client_.state(), State::failed);
  EXPECT_THAT(client_.error(), HasSubstr("rejected the user name or the credential"));
  EXPECT_EQ(client_.deadline(), never);
}

TEST_F(ClientTest, WhatTheServerSaysIsHandedOn) {
  server_.refuse_allocation = {486, "Allocation Quota Reached"};
  client_.start(clock_.now(), *this);
  clock_.run_for(1s);
  EXPECT_THAT(client_.error(), HasSubstr("486 Allocation Quota Reached"));
}

TEST_F(ClientTest, RequestsAreRepeatedUntilTheyAreAnswered) {
  net_.path(client_at, server_at).loss = 0.5;
  net_.path(server_at, client_at).loss = 0.3;
  client_.start(clock_.now(), *this);
  EXPECT_TRUE(clock_.run_until([this] { return client_.state() == State::ready; }, 1min));
}

TEST_F(ClientTest, AServerThatIsSilentIsGivenUpAfterSevenCopies) {
  net_.black_out(client_at, server_at, 1h);
  client_.start(clock_.now(), *this);
  clock_.run_for(39s);
  EXPECT_EQ(client_.state(), State::allocating);
  EXPECT_EQ(messages_, 7);
  clock_.run_for(1s);
  EXPECT_EQ(client_.state(), State::failed);
  EXPECT_THAT(client_.error(), HasSubstr("no response"));
}

TEST_F(ClientTest, AnAnswerThatIsNotTheServersIsNotBelieved) {
  client_.start(clock_.now(), *this);
  clock_.run_for(15ms);  // the first request is refused by now
  server_.to_client = [this](Bytes message) {
    ByteVector forged(message.begin(), message.end());
    forged[forged.size() - 20] ^= 1;   // in MESSAGE-INTEGRITY
    forged.resize(forged.size() - 8);  // FINGERPRINT
    store_u16(&forged[2], static_cast<std::uint16_t>(forged.size() - stun::header_size));
    receive(forged);
  };
  clock_.run_for(2s);
  EXPECT_EQ(client_.state(), State::allocating);
  EXPECT_GT(client_.counters().unauthenticated, 0u);
}

TEST_F(ClientTest, TheAllocationIsKeptForADay) {
  allocate();
  clock_.run_for(24h);
  EXPECT_EQ(client_.state(), State::ready);
  EXPECT_TRUE(server_.has_allocation());
  EXPECT_LE(server_.requests[stun::Method::refresh], 24 * 60 / 9 + 1);
}

TEST_F(ClientTest, AStaleNonceIsExchangedForTheNewOne) {
  allocate();
  server_.nonce = "nonce 2";
  send(dtls);
  EXPECT_THAT(at_peer_, ElementsAre(dtls));
  server_.nonce = "nonce 3";
  clock_.run_for(1h);
  EXPECT_EQ(client_.state(), State::ready);
}

TEST_F(ClientTest, AServerWhoseNonceIsAlwaysStaleIsGivenUp) {
  allocate();
  server_.to_client = [this, forward = server_.to_client, n = 0](Bytes message) mutable {
    server_.nonce = std::to_string(++n);
    forward(message);
  };
  clock_.run_for(20min);
  EXPECT_EQ(client_.state(), State::failed);
  EXPECT_THAT(client_.error(), HasSubstr("438"));
}

TEST_F(ClientTest, AnAllocationThatIsLostIsAnError) {
  allocate();
  server_.refuse_allocation = {486, "Full"};
  net_.black_out(client_at, server_at, 11min);  // longer than the allocation lives
  clock_.run_for(15min);
  EXPECT_EQ(client_.state(), State::failed);
  EXPECT_THAT(client_.error(), HasSubstr("ended the allocation"));
}

TEST_F(ClientTest, ClosingGivesTheAllocationBack) {
  allocate();
  client_.close(*this);
  clock_.run_for(100ms);
  EXPECT_FALSE(server_.has_allocation());
  EXPECT_EQ(client_.deadline(), never);
}

TEST_F(ClientTest, RealmsAndNoncesWithoutMeasureAreRefused) {
  server_.nonce = std::string(700, 'n');
  client_.start(clock_.now(), *this);
  clock_.run_for(1s);
  EXPECT_THAT(client_.error(), HasSubstr("nonce"));
}

// --- peers ---

TEST_F(ClientTest, WhatIsSentBeforeThereIsAPermissionWaitsForIt) {
  allocate();
  send(ice);
  EXPECT_THAT(at_peer_, ElementsAre(ice));
  EXPECT_EQ(server_.requests[stun::Method::create_permission], 1);
  answer(ice);
  EXPECT_THAT(here_, ElementsAre(ice));
}

TEST_F(ClientTest, IceAloneIsWorthNoChannel) {
  allocate();
  for (int i = 0; i < 5; ++i) send(ice);
  EXPECT_EQ(at_peer_.size(), 5u);
  EXPECT_THAT(server_.channels_bound, IsEmpty());
  EXPECT_EQ(server_.indications, 5);
}

TEST_F(ClientTest, MediaGoesThroughAChannelBothWays) {
  allocate();
  send(dtls);
  const int before = server_.indications;
  for (const char* data : {"\x80"
                           "1",
                           "\x80"
                           "23",
                           "\x80"
                           "456",
                           "\x80"})
    send(data);
  EXPECT_THAT(at_peer_, ElementsAre(dtls,
                                    "\x80"
                                    "1",
                                    "\x80"
                                    "23",
                                    "\x80"
                                    "456",
                                    "\x80"));
  EXPECT_EQ(server_.channel_messages, 4);
  EXPECT_EQ(server_.indications, before);
  answer("media");
  EXPECT_THAT(here_, ElementsAre("media"));
}

TEST_F(ClientTest, AChannelAndItsPermissionLiveAsLongAsTheyAreUsed) {
  allocate();
  use_for(2h);
  EXPECT_EQ(at_peer_.size(), 120u);
  EXPECT_EQ(here_.size(), 120u);
  EXPECT_EQ(server_.indications, 1);
  EXPECT_THAT(server_.channels_bound, testing::Each(0x4000));
}

TEST_F(ClientTest, APeerThatOnlySendsKeepsItsPermission) {
  allocate();
  send(dtls);
  for (int minute = 0; minute < 30; ++minute) {
    clock_.run_for(1min);
    answer("media");
  }
  EXPECT_EQ(here_.size(), 30u);
}

TEST_F(ClientTest, WhatIsNotUsedLapsesAndComesBackWhenItIs) {
  allocate();
  send(dtls);
  clock_.run_for(1h);
  EXPECT_FALSE(server_.is_permitted(peer_at.address));
  EXPECT_LE(server_.requests[stun::Method::create_permission], 2);
  send("\x80 again");
  EXPECT_THAT(at_peer_, ElementsAre(dtls, "\x80 again"));
}

TEST_F(ClientTest, AForbiddenPeerIsLeftAloneAndTheOthersGoOn) {
  server_.forbidden.insert(IpAddress::from_v4(10, 0, 0, 1));
  allocate();
  const Endpoint inside{IpAddress::from_v4(10, 0, 0, 1), 1};
  send(ice, inside);
  send(ice, inside);
  EXPECT_EQ(client_.counters().dropped, 1u);
  send(ice);
  EXPECT_THAT(at_peer_, ElementsAre(ice));
  EXPECT_EQ(client_.state(), State::ready);
}

TEST_F(ClientTest, ThereIsNoEndOfPeersButOfThoseHeldAtOnce) {
  allocate();
  for (int i = 0; i < 200; ++i) {
    send(ice, {IpAddress::from_v4(203, 0, 113, 200), static_cast<std::uint16_t>(i + 1)});
    if (i % 20 == 19) clock_.run_for(10min);
  }
  send(ice);
  EXPECT_THAT(at_peer_, ElementsAre(ice));
  EXPECT_EQ(client_.counters().dropped, 0u);
}

TEST_F(ClientTest, DataLongerThanAnyDatagramIsDropped) {
  allocate();
  send(std::string(Client::max_data, '\x80'));
  EXPECT_EQ(at_peer_.size(), 1u);
  send(std::string(Client::max_data + 1, '\x80'));
  EXPECT_EQ(client_.counters().dropped, 1u);
}

// --- over a stream ---

class Pipe final : public Wire {
 public:
  void send(Bytes message) override { messages.emplace_back(message.begin(), message.end()); }
  std::vector<ByteVector> messages;
};

TEST(ClientStreamTest, NothingIsRepeatedAndSilenceEndsIt) {
  sim::SimClock clock;
  SeededRandom random(1);
  Client client("user", "secret", Carrier::stream, random);
  Pipe pipe;
  clock.drive([&] { return client.deadline(); }, [&](Instant now) { client.handle_timeout(now, pipe); });
  client.start(clock.now(), pipe);
  clock.run_for(39s);
  EXPECT_EQ(pipe.messages.size(), 1u);
  clock.run_for(1s);
  EXPECT_EQ(client.state(), State::failed);
}

TEST(ClientStreamTest, ChannelDataIsPaddedAndEveryMessageIsReadBackFromTheStream) {
  sim::SimClock clock;
  sim::SimNet net(clock, 1);
  SeededRandom random(1);
  TestServer server(clock, net, relayed_at);
  Client client("user", "secret", Carrier::stream, random);
  // Both directions are streams, cut into pieces of seven bytes.
  class StreamWire final : public Wire {
   public:
    void send(Bytes message) override {
      EXPECT_EQ(message.size() % 4, 0u);
      for (; !message.empty(); message = message.subspan(std::min<std::size_t>(7, message.size()))) {
        reader.push(message.first(std::min<std::size_t>(7, message.size())));
        while (const auto whole = reader.next()) server->handle(*whole);
      }
    }
    FrameReader reader{measure_message, 2048};
    TestServer* server = nullptr;
  } wire;
  wire.server = &server;
  std::vector<ByteVector> answers;  // handled one after the other, not from within what caused them
  server.to_client = [&](Bytes message) { answers.emplace_back(message.begin(), message.end()); };
  std::vector<std::string> at_peer;
  net.attach(peer_at, [&](const Endpoint&, Bytes data) { at_peer.emplace_back(as_text(data)); });
  const auto settle = [&] {
    for (int i = 0; i < 4; ++i) {
      for (ByteVector& answer : std::exchange(answers, {})) client.handle_message(clock.now(), answer, wire);
      client.handle_timeout(clock.now(), wire);
    }
    clock.run_for(100ms);
  };
  client.start(clock.now(), wire);
  settle();
  ASSERT_EQ(client.state(), State::ready);
  for (const std::string_view data : {"\x16",
                                      "\x80"
                                      "2",
                                      "\x80"
                                      "33",
                                      "\x80"
                                      "444",
                                      "\x80"
                                      "5555"}) {
    client.send(peer_at, as_bytes(data), wire);
    settle();
  }
  EXPECT_THAT(at_peer, ElementsAre("\x16",
                                   "\x80"
                                   "2",
                                   "\x80"
                                   "33",
                                   "\x80"
                                   "444",
                                   "\x80"
                                   "5555"));
  EXPECT_EQ(server.channel_messages, 4);
}

TEST(ClientHostileTest, RandomMessagesNeverCrash) {
  SeededRandom random(1);
  Client client("user", "secret", Carrier::datagrams, random);
  Pipe pipe;
  client.start(Instant(1s), pipe);
  for (int i = 0; i < 20'000; ++i) {
    ByteVector bytes(random.below(80));
    random.fill(bytes);
    if (bytes.size() >= 4 && i % 2 == 0) {
      bytes[0] = i % 4 == 0 ? 0x40 : 0x01;
      bytes[1] &= 0x1f;
      store_u16(&bytes[2], static_cast<std::uint16_t>(random.below(90)));
      if (bytes.size() >= 8) store_u32(&bytes[4], 0x2112a442);
    }
    EXPECT_FALSE(client.handle_message(Instant(2s), bytes, pipe).has_value() && bytes.size() < 4);
  }
  EXPECT_EQ(client.state(), State::allocating);
}

}  // namespace
}  // namespace holdfast::turn

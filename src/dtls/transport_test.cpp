#include "dtls/transport.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"

namespace holdfast::dtls {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::shared_ptr<const Certificate> make_certificate() {
  return Certificate::generate().value();
}

const auto client_certificate = make_certificate();
const auto server_certificate = make_certificate();
const Endpoint client_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint server_at{IpAddress::from_v4(192, 0, 2, 2), 2000};

// A client and a server with a simulated network between them.
class DtlsTransport : public ::testing::Test {
 protected:
  explicit DtlsTransport(std::uint64_t seed = 1) : net_(clock_, seed) {}

  struct Side {
    Side(DtlsTransport& test, Role role, const Endpoint& at, const Endpoint& peer)
        : to(peer),
          transport(role == Role::client ? client_certificate : server_certificate, role,
                    {(role == Role::client ? server_certificate : client_certificate)->fingerprint()}),
          out(test.net_.attach(at, [&test, this](const Endpoint&, Bytes datagram) {
            largest = std::max(largest, datagram.size());
            if (first.empty()) first.assign(datagram.begin(), datagram.end());
            transport.handle_datagram(test.clock_.now(), datagram, path());
          })) {
      test.clock_.drive([this] { return transport.deadline(); },
                        [this](Instant now) { transport.handle_timeout(now, path()); });
    }
    Transport::Path path() { return {out, to}; }

    Endpoint to;
    Transport transport;
    Outbox& out;
    std::size_t largest = 0;
    ByteVector first;  // datagram that came
  };

  void start() { client_.transport.start(clock_.now(), client_.path()); }
  bool run_until_connected(Duration span) {
    start();
    return clock_.run_until(
        [&] {
          return client_.transport.state() == State::connected &&
                 server_.transport.state() == State::connected;
        },
        span);
  }
  void expect_same_keys() {
    const KeyingMaterial& ours = client_.transport.keying_material();
    const KeyingMaterial& theirs = server_.transport.keying_material();
    EXPECT_EQ(ours.profile, SrtpProfile::aead_aes_128_gcm);
    EXPECT_EQ(ours.local.size(), 16u + 12u);
    EXPECT_EQ(ours.local, theirs.remote);
    EXPECT_EQ(ours.remote, theirs.local);
    EXPECT_NE(ours.local, ours.remote);
  }

  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_;
  Side client_{*this, Role::client, client_at, server_at};
  Side server_{*this, Role::server, server_at, client_at};
};

TEST_F(DtlsTransport, BothSidesComeToTheSameKeysWithinFourFlights) {
  EXPECT_TRUE(run_until_connected(40ms));
  expect_same_keys();
  EXPECT_EQ(client_.transport.deadline(), never);
  EXPECT_EQ(server_.transport.deadline(), never);
}

// A LiveKit server would pick AES-256-GCM from whatever else is offered.
TEST_F(DtlsTransport, OffersNoProfileThatSrtpDoesNotHave) {
  ASSERT_TRUE(run_until_connected(40ms));
  // RFC 5764 section 4.1.1: use_srtp, AEAD_AES_128_GCM (RFC 7714) and AES128_CM_HMAC_SHA1_80, no MKI.
  const ByteVector offered{0x00, 0x0e, 0x00, 0x07, 0x00, 0x04, 0x00, 0x07, 0x00, 0x01, 0x00};
  EXPECT_FALSE(std::ranges::search(server_.first, offered).empty());
}

TEST_F(DtlsTransport, DatagramsStayBelowTheMtu) {
  ASSERT_TRUE(run_until_connected(1s));
  EXPECT_LE(client_.largest, Transport::mtu);
  EXPECT_LE(server_.largest, Transport::mtu);
}

TEST_F(DtlsTransport, ALostHelloIsSentAgainAfter100Ms) {
  net_.black_out(client_at, server_at, 50ms);
  EXPECT_FALSE(run_until_connected(100ms));
  EXPECT_TRUE(run_until_connected(50ms));
  expect_same_keys();
}

TEST_F(DtlsTransport, WaitsTwiceAsLongEachTimeUpTo4s) {
  net_.black_out(client_at, server_at, 1h);
  start();
  std::vector<std::int64_t> waits;
  Instant last = clock_.now();
  std::uint64_t sent = 0;
  clock_.run_until(
      [&] {
        const std::uint64_t now_sent = net_.counters(client_at, server_at).sent;
        if (std::exchange(sent, now_sent) != now_sent && clock_.now() != last) {
          waits.push_back(to_milliseconds(clock_.now() - std::exchange(last, clock_.now())));
        }
        return client_.transport.state() == State::failed;
      },
      1min);
  EXPECT_THAT(waits,
              ::testing::ElementsAre(100, 200, 400, 800, 1600, 3200, 4000, 4000, 4000, 4000, 4000, 4000));
  EXPECT_EQ(client_.transport.state(), State::failed);
  EXPECT_THAT(client_.transport.error(), HasSubstr("no answer to the DTLS handshake"));
  EXPECT_EQ(client_.transport.deadline(), never);
}

// The other side vouches for another certificate than the one shown.
TEST_F(DtlsTransport, AServerWithTheWrongCertificateIsRefused) {
  client_.transport = Transport(client_certificate, Role::client, {client_certificate->fingerprint()});
  start();
  clock_.run_for(1s);
  EXPECT_EQ(client_.transport.state(), State::failed);
  EXPECT_THAT(client_.transport.error(), HasSubstr("fingerprint mismatch"));
  EXPECT_EQ(server_.transport.state(), State::failed);
  EXPECT_THAT(server_.transport.error(), HasSubstr("handshake failed"));
}

TEST_F(DtlsTransport, AClientWithTheWrongCertificateIsRefused) {
  server_.transport = Transport(server_certificate, Role::server, {server_certificate->fingerprint()});
  start();
  clock_.run_for(1s);
  EXPECT_EQ(server_.transport.state(), State::failed);
  EXPECT_THAT(server_.transport.error(), HasSubstr("fingerprint mismatch"));
  EXPECT_NE(client_.transport.state(), State::connected);
}

TEST_F(DtlsTransport, AnyOfSeveralFingerprintsMayMatch) {
  client_.transport = Transport(client_certificate, Role::client,
                                {client_certificate->fingerprint(), server_certificate->fingerprint()});
  EXPECT_TRUE(run_until_connected(1s));
}

TEST_F(DtlsTransport, NoFingerprintMatchesNothing) {
  client_.transport = Transport(client_certificate, Role::client, {});
  EXPECT_FALSE(run_until_connected(1s));
  EXPECT_EQ(client_.transport.state(), State::failed);
}

TEST_F(DtlsTransport, GoodbyeClosesBothSides) {
  ASSERT_TRUE(run_until_connected(1s));
  server_.transport.close(server_.path());
  EXPECT_EQ(server_.transport.state(), State::closed);
  clock_.run_for(50ms);
  EXPECT_EQ(client_.transport.state(), State::closed);
}

TEST_F(DtlsTransport, ClosingBeforeTheHandshakeIsQuiet) {
  client_.transport.close(client_.path());
  EXPECT_EQ(client_.transport.state(), State::closed);
  start();
  EXPECT_EQ(net_.counters(client_at, server_at).sent, 0u);
}

TEST_F(DtlsTransport, GarbageAndReplaysDoNotEndAConnection) {
  ASSERT_TRUE(run_until_connected(1s));
  SeededRandom random(3);
  for (int i = 0; i < 500; ++i) {
    ByteVector garbage(random.below(200));
    random.fill(garbage);
    if (!garbage.empty()) garbage[0] = static_cast<std::uint8_t>(20 + random.below(6));
    if (garbage.size() > 2 && random.below(2) == 0) garbage[1] = 0xfe, garbage[2] = 0xfd;
    client_.transport.handle_datagram(clock_.now(), garbage, client_.path());
    server_.transport.handle_datagram(clock_.now(), garbage, server_.path());
  }
  EXPECT_EQ(client_.transport.state(), State::connected);
  EXPECT_EQ(server_.transport.state(), State::connected);
}

TEST_F(DtlsTransport, GarbageBeforeTheHandshakeNeverCrashes) {
  SeededRandom random(4);
  for (int run = 0; run < 200; ++run) {
    Transport server(server_certificate, Role::server, {client_certificate->fingerprint()});
    for (int i = 0; i < 5; ++i) {
      ByteVector garbage(random.below(1500));
      random.fill(garbage);
      if (garbage.size() > 13) {
        garbage[0] = 22, garbage[1] = 0xfe, garbage[2] = 0xfd;
        std::fill_n(garbage.begin() + 3, 8, std::uint8_t{0});
        store_u16(&garbage[11], static_cast<std::uint16_t>(garbage.size() - 13));
        garbage[13] = 1;  // ClientHello
      }
      server.handle_datagram(clock_.now(), garbage, server_.path());
    }
    EXPECT_NE(server.state(), State::connected);
  }
}

// Every seed loses other datagrams.
class DtlsTransportUnderLoss : public DtlsTransport, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  DtlsTransportUnderLoss() : DtlsTransport(GetParam()) {}
};

TEST_P(DtlsTransportUnderLoss, StillConnectsWithin8s) {
  sim::Path path;
  path.loss = 0.3;
  path.duplicate = 0.1;
  path.reorder = 0.1;
  net_.both_ways(client_at, server_at, path);
  EXPECT_TRUE(run_until_connected(8s)) << client_.transport.error() << server_.transport.error();
  expect_same_keys();
}

INSTANTIATE_TEST_SUITE_P(Seeds, DtlsTransportUnderLoss, ::testing::Range<std::uint64_t>(0, 40));

}  // namespace
}  // namespace holdfast::dtls

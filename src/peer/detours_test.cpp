#include "peer/detours.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ice/tcp_framing.hpp"
#include "peer/peer.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"
#include "turn/server_test.hpp"

namespace holdfast::peer {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const auto publisher_certificate = dtls::Certificate::generate().value();
const auto recorder_certificate = dtls::Certificate::generate().value();
const Endpoint publisher_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint recorder_at{IpAddress::from_v4(192, 0, 2, 2), 2000};
const Endpoint recorder_tcp{IpAddress::from_v4(192, 0, 2, 2), 4001};  // our end of the connection
const Endpoint relayed_at{IpAddress::from_v4(198, 51, 100, 2), 50'000};
constexpr std::string_view tcp_candidate =
    "candidate:9 1 tcp 1518280447 192.0.2.1 7881 typ host tcptype passive";

// The network as links see it: one listener for ICE-TCP, which hands datagrams to the publisher as from
// recorder_tcp, and TURN servers by name. Takes 10 ms to open a link, and as long for bytes either way.
class SimLinks final : public Links {
 public:
  SimLinks(sim::SimClock& clock, sim::SimNet& net, LinkEvents& events)
      : clock_(clock),
        net_(net),
        events_(events),
        behind_tcp_(net.attach(recorder_tcp, [this](const Endpoint&, Bytes datagram) {
          ByteVector framed;
          ice::append_tcp_frame(datagram, framed);
          for (const auto& [id, link] : links_) {
            if (link.target.port == 7881) deliver(id, framed);
          }
        })) {}

  LinkId open(const LinkTarget& target) override {
    const LinkId id{++last_};
    links_.emplace(id, Link{target, FrameReader(ice::measure_tcp_frame, 2048)});
    opened.push_back(target.port == 7881 ? "tcp" : target.host);
    later([this, id, target] {
      if (!links_.contains(id)) return;
      if (unreachable.contains(target.host)) return drop(id, "connection refused");
      if (turn::TestServer* server = server_of(target)) {
        server->over_stream = target.kind != LinkKind::udp;
        server->to_client = [this, id](Bytes message) { deliver(id, message); };
      }
      events_.on_link_open(clock_.now(), id);
    });
    return id;
  }
  void send(LinkId id, Bytes bytes) override {
    later([this, id, copy = ByteVector(bytes.begin(), bytes.end())] {
      const auto found = links_.find(id);
      if (found == links_.end()) return;
      if (turn::TestServer* server = server_of(found->second.target)) return server->handle(copy);
      found->second.frames.push(copy);
      while (const auto datagram = found->second.frames.next()) behind_tcp_.send(publisher_at, *datagram);
    });
  }
  void close(LinkId id) override { links_.erase(id); }

  // The other side, or something between, closes all that are open.
  void drop_all() {
    while (!links_.empty()) drop(links_.begin()->first, "connection reset");
  }
  turn::TestServer& add_server(const std::string& host) {
    return *servers_.emplace(host, std::make_unique<turn::TestServer>(clock_, net_, relayed_at))
                .first->second;
  }
  std::size_t open_links() const { return links_.size(); }

  std::vector<std::string> opened;
  std::set<std::string> unreachable;

 private:
  struct Link {
    LinkTarget target;
    FrameReader frames;
  };
  turn::TestServer* server_of(const LinkTarget& target) {
    const auto found = servers_.find(target.host);
    return found == servers_.end() ? nullptr : found->second.get();
  }
  void drop(LinkId id, std::string_view why) {
    links_.erase(id);
    events_.on_link_closed(clock_.now(), id, why);
  }
  void later(sim::SimClock::Job job) { clock_.schedule_in(10ms, std::move(job)); }
  void deliver(LinkId id, Bytes bytes) {
    later([this, id, copy = ByteVector(bytes.begin(), bytes.end())]() mutable {
      if (links_.contains(id)) events_.on_link_bytes(clock_.now(), id, copy);
    });
  }

  sim::SimClock& clock_;
  sim::SimNet& net_;
  LinkEvents& events_;
  Outbox& behind_tcp_;
  std::map<LinkId, Link> links_;
  std::map<std::string, std::unique_ptr<turn::TestServer>> servers_;
  std::uint32_t last_ = 0;
};

class Party final : public Sink, public LinkEvents {
 public:
  Party(sim::SimClock& clock, sim::SimNet& net, const Endpoint& at, std::uint64_t seed)
      : random_(seed),
        links(clock, net, *this),
        out(net.attach(at, [this, &clock](const Endpoint& from, Bytes datagram) {
          ByteVector copy(datagram.begin(), datagram.end());
          if (peer) peer->handle_datagram(clock.now(), from, copy, out, *this);
        })) {
    clock.drive([this] { return peer ? peer->deadline() : never; },
                [this](Instant now) { peer->handle_timeout(now, out, *this); });
  }
  void make(Config config) { peer = std::make_unique<Peer>(std::move(config), random_); }

  void on_rtp(Instant, MutableBytes packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void on_rtcp(Instant, MutableBytes packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }
  void on_state(State, std::string_view why) override { reason = why; }
  void on_detour_failed(std::string_view what) override { failed_detours.emplace_back(what); }
  void on_link_open(Instant now, LinkId link) override { peer->handle_link_open(now, link, out, *this); }
  void on_link_bytes(Instant now, LinkId link, MutableBytes bytes) override {
    peer->handle_link_bytes(now, link, bytes, out, *this);
  }
  void on_link_closed(Instant now, LinkId link, std::string_view why) override {
    peer->handle_link_closed(now, link, why, out, *this);
  }

 private:
  SeededRandom random_;

 public:
  SimLinks links;
  Outbox& out;
  std::unique_ptr<Peer> peer;
  std::vector<ByteVector> rtp;
  std::vector<ByteVector> rtcp;
  std::string reason;
  std::vector<std::string> failed_detours;
};

class DetoursTest : public testing::Test {
 protected:
  void begin(DetourOptions options = {}) {
    publisher_.make(publisher_config());
    options.links = &recorder_.links;
    recorder_.make({.certificate = recorder_certificate,
                    .side = Side::answerer,
                    .local = {recorder_at},
                    .ice = {},
                    .detours = std::move(options)});
    const std::string offer = publisher_.peer->make_offer({camera()});
    const auto answer = recorder_.peer->accept_offer(clock_.now(), offer, {});
    ASSERT_TRUE(answer) << answer.error().message;
    answer_ = *answer;
    ASSERT_TRUE(publisher_.peer->accept_answer(clock_.now(), answer_));
    recorder_.peer->add_remote_candidate(clock_.now(), tcp_candidate);
  }
  static Config publisher_config() {
    return {.certificate = publisher_certificate, .side = Side::offerer, .local = {publisher_at}, .ice = {}};
  }
  static sdp::OfferedTrack camera() {
    return {.kind = sdp::Kind::video,
            .mid = "0",
            .msid = {"stream", "camera"},
            .cname = "publisher",
            .ssrc = Ssrc(10),
            .rtx = {},
            .codecs = {sdp::h264_codec()}};
  }
  void block_udp() { net_.black_out(publisher_at, recorder_at, 1h); }
  bool connects(Duration within) {
    return clock_.run_until(
        [&] {
          return publisher_.peer->state() == State::connected && recorder_.peer->state() == State::connected;
        },
        within);
  }
  void expect_media_flows() {
    ByteVector packet(1'112, 0x5a);
    packet[0] = 0x80;
    packet[1] = 0xe0;
    store_u16(&packet[2], ++sequence_);
    store_u32(&packet[8], 10);
    const ByteVector report{0x80, 201, 0, 1, 0, 0, 0, 20};
    recorder_.rtp.clear();
    publisher_.rtcp.clear();
    EXPECT_TRUE(publisher_.peer->send_rtp(packet, publisher_.out));
    EXPECT_TRUE(recorder_.peer->send_rtcp(report, recorder_.out));
    clock_.run_for(200ms);
    EXPECT_THAT(recorder_.rtp, ElementsAre(packet));
    EXPECT_THAT(publisher_.rtcp, ElementsAre(report));
  }
  static turn::Server server(const std::string& host, LinkKind kind = LinkKind::udp) {
    return {{kind, host, 3478}, "user", "secret"};
  }

  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_{clock_, 1};
  Party publisher_{clock_, net_, publisher_at, 1'000};
  Party recorder_{clock_, net_, recorder_at, 2'000};
  std::string answer_;
  std::uint16_t sequence_ = 0;
};

TEST_F(DetoursTest, WhereUdpWorksNothingElseIsEverOpened) {
  begin({.servers = {server("relay")}});
  ASSERT_TRUE(connects(1s));
  clock_.run_for(1min);
  expect_media_flows();
  EXPECT_THAT(recorder_.links.opened, IsEmpty());
  EXPECT_EQ(recorder_.peer->transport(), Transport::udp);
}

TEST_F(DetoursTest, UdpHasASecondBeforeTheDetoursAreOpenedSideBySide) {
  block_udp();
  begin({.servers = {server("relay"), server("other", LinkKind::tls)}});
  clock_.run_for(990ms);
  EXPECT_THAT(recorder_.links.opened, IsEmpty());
  clock_.run_for(20ms);
  EXPECT_THAT(recorder_.links.opened, ElementsAre("tcp", "relay", "other"));
}

TEST_F(DetoursTest, MediaComesByTcpWhereUdpIsBlocked) {
  block_udp();
  begin();
  ASSERT_TRUE(connects(2s)) << recorder_.reason;
  EXPECT_EQ(recorder_.peer->transport(), Transport::tcp);
  expect_media_flows();
  clock_.run_for(5min);
  expect_media_flows();
}

TEST_F(DetoursTest, ATcpCandidateMayComeAfterTheDetoursWereOpened) {
  block_udp();
  begin();
  recorder_.links.unreachable.insert("192.0.2.1");
  clock_.run_for(5s);
  EXPECT_NE(recorder_.peer->state(), State::connected);
  recorder_.links.unreachable.clear();
  recorder_.peer->add_remote_candidate(
      clock_.now(), "candidate:8 1 tcp 1518280446 192.0.2.3 7881 typ host tcptype passive");
  EXPECT_TRUE(connects(2s));
}

class RelayKindTest : public DetoursTest,
                      public testing::WithParamInterface<std::pair<LinkKind, Transport>> {};

TEST_P(RelayKindTest, MediaComesByARelayWhereNothingElseIsLeft) {
  const auto [kind, transport] = GetParam();
  block_udp();
  recorder_.links.add_server("relay");
  recorder_.links.unreachable.insert("192.0.2.1");
  begin({.servers = {server("relay", kind)}});
  ASSERT_TRUE(connects(3s)) << recorder_.reason;
  EXPECT_EQ(recorder_.peer->transport(), transport);
  expect_media_flows();
  clock_.run_for(30min);
  expect_media_flows();
}

INSTANTIATE_TEST_SUITE_P(Kinds, RelayKindTest,
                         testing::Values(std::pair(LinkKind::udp, Transport::turn_udp),
                                         std::pair(LinkKind::tcp, Transport::turn_tcp),
                                         std::pair(LinkKind::tls, Transport::turn_tls)));

TEST_F(DetoursTest, TcpIsPreferredToARelay) {
  block_udp();
  recorder_.links.add_server("relay");
  begin({.servers = {server("relay")}});
  ASSERT_TRUE(connects(3s));
  clock_.run_for(5s);
  EXPECT_EQ(recorder_.peer->transport(), Transport::tcp);
}

TEST_F(DetoursTest, WhatIsNotInUseIsClosedWhenThePathHasSettled) {
  block_udp();
  turn::TestServer& relay = recorder_.links.add_server("relay");
  begin({.servers = {server("relay")}});
  ASSERT_TRUE(connects(3s));
  EXPECT_EQ(recorder_.links.open_links(), 2u);
  clock_.run_for(20s);
  EXPECT_EQ(recorder_.links.open_links(), 1u);
  EXPECT_EQ(relay.requests[stun::Method::refresh], 0)
      << "closed links carry nothing any more in this network";
  expect_media_flows();
}

TEST_F(DetoursTest, WithPolicyRelayOnlyTheRelayIsToldAndUsed) {
  recorder_.links.add_server("relay");
  begin({.policy = TransportPolicy::relay, .servers = {server("relay")}});
  EXPECT_THAT(answer_, Not(HasSubstr("a=candidate")));
  ASSERT_TRUE(connects(1s)) << recorder_.reason;
  EXPECT_EQ(recorder_.peer->transport(), Transport::turn_udp);
  EXPECT_THAT(recorder_.links.opened, ElementsAre("relay"));
  EXPECT_EQ(net_.counters(recorder_at, publisher_at).sent, 0u);
  expect_media_flows();
}

TEST_F(DetoursTest, ALaterAnswerNamesTheRelayedAddress) {
  recorder_.links.add_server("relay");
  begin({.policy = TransportPolicy::relay, .servers = {server("relay")}});
  ASSERT_TRUE(connects(1s));
  const auto answer = recorder_.peer->accept_offer(clock_.now(), publisher_.peer->make_offer({camera()}), {});
  ASSERT_TRUE(answer);
  EXPECT_THAT(*answer, HasSubstr("198.51.100.2 50000 typ relay raddr 0.0.0.0 rport 0"));
}

TEST_F(DetoursTest, AConnectionThatIsLostEndsTheOnlyPathAtOnceAndSaysSo) {
  block_udp();
  begin();
  ASSERT_TRUE(connects(3s));
  recorder_.links.drop_all();
  EXPECT_EQ(recorder_.peer->state(), State::failed);
  EXPECT_THAT(recorder_.reason, HasSubstr("TCP 192.0.2.1:7881: connection reset"));
}

TEST_F(DetoursTest, ARelaysRefusalIsToldWhenThereIsNoPath) {
  block_udp();
  recorder_.links.unreachable.insert("192.0.2.1");
  recorder_.links.add_server("relay").password = "another";
  begin({.servers = {server("relay")}});
  clock_.run_for(31s);
  EXPECT_EQ(recorder_.peer->state(), State::failed);
  EXPECT_THAT(recorder_.reason, HasSubstr("TURN over UDP relay:3478: the TURN server rejected"));
  EXPECT_THAT(recorder_.reason, HasSubstr("connection refused"));
  EXPECT_EQ(recorder_.links.open_links(), 0u);
}

// The other side knows a connection by the user fragment it began with (as pion does), so a restart needs
// another.
TEST_F(DetoursTest, AfterAnIceRestartANewConnectionIsMadeAtOnceWhereUdpWasBlocked) {
  block_udp();
  begin();
  ASSERT_TRUE(connects(3s));
  clock_.run_for(30s);
  publisher_.make(publisher_config());
  const auto answer = recorder_.peer->accept_offer(clock_.now(), publisher_.peer->make_offer({camera()}), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(recorder_.peer->ice_restarts(), 1);
  EXPECT_EQ(recorder_.peer->transport(), Transport::tcp) << "the former path is used meanwhile";
  ASSERT_TRUE(publisher_.peer->accept_answer(clock_.now(), *answer));
  recorder_.peer->add_remote_candidate(clock_.now(), tcp_candidate);
  clock_.run_for(500ms);
  EXPECT_THAT(recorder_.links.opened, ElementsAre("tcp", "tcp"));
  EXPECT_EQ(recorder_.peer->state(), State::connected);
  clock_.run_for(20s);
  EXPECT_EQ(recorder_.links.open_links(), 1u);
}

TEST_F(DetoursTest, WhatFailsIsToldOnceWhenItFails) {
  block_udp();
  recorder_.links.unreachable.insert("192.0.2.1");
  recorder_.links.add_server("relay").password = "another";
  begin({.servers = {server("relay")}});
  clock_.run_for(2s);
  EXPECT_THAT(recorder_.failed_detours, ElementsAre("TCP 192.0.2.1:7881: connection refused",
                                                    HasSubstr("TURN over UDP relay:3478: the TURN")));
}

TEST_F(DetoursTest, ARefusalIsToldAtOnceThoughNothingElseIsDue) {
  recorder_.links.add_server("relay").password = "another";
  begin({.policy = TransportPolicy::relay, .servers = {server("relay")}});
  clock_.run_for(100ms);
  EXPECT_THAT(recorder_.failed_detours, ElementsAre(HasSubstr("rejected the user name or the credential")));
}

TEST_F(DetoursTest, PolicyRelayWithoutAServerSaysSo) {
  begin({.policy = TransportPolicy::relay, .servers = {}});
  clock_.run_for(31s);
  EXPECT_EQ(recorder_.peer->state(), State::failed);
  EXPECT_THAT(recorder_.reason, HasSubstr("no TURN server is known"));
}

TEST_F(DetoursTest, LinksAreClosedWithThePeer) {
  block_udp();
  begin();
  ASSERT_TRUE(connects(3s));
  EXPECT_EQ(recorder_.links.open_links(), 1u);
  recorder_.peer.reset();
  EXPECT_EQ(recorder_.links.open_links(), 0u);
}

TEST_F(DetoursTest, ManyCandidatesAndServersOpenFewLinks) {
  block_udp();
  std::vector<turn::Server> servers;
  for (int i = 0; i < 50; ++i) servers.push_back(server("relay" + std::to_string(i)));
  begin({.servers = servers});
  for (int i = 0; i < 50; ++i) {
    recorder_.peer->add_remote_candidate(
        clock_.now(),
        fmt::format("candidate:1 1 tcp 1518280446 192.0.2.9 {} typ host tcptype passive", 100 + i));
  }
  clock_.run_for(2s);
  EXPECT_EQ(recorder_.links.opened.size(), Detours::max_servers + Detours::max_connections);
}

}  // namespace
}  // namespace holdfast::peer

#include "peer/peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"

namespace holdfast::peer {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

const auto publisher_certificate = dtls::Certificate::generate().value();
const auto recorder_certificate = dtls::Certificate::generate().value();
const Endpoint publisher_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint recorder_at{IpAddress::from_v4(192, 0, 2, 2), 2000};

ByteVector rtp_packet(std::uint16_t sequence, std::size_t payload = 1'100) {
  ByteVector packet(12 + payload, 0x5a);
  packet[0] = 0x80;
  packet[1] = 0xe0;  // marker, payload type 96: 0xe0 = 224 is not RTCP
  store_u16(&packet[2], sequence);
  store_u32(&packet[8], 10);
  return packet;
}

ByteVector receiver_report() {
  return {0x80, 201, 0, 1, 0, 0, 0, 20};
}

sdp::OfferedTrack camera() {
  return {.kind = sdp::Kind::video,
          .mid = "0",
          .msid = {"stream", "camera"},
          .cname = "publisher",
          .ssrc = Ssrc(10),
          .rtx = Ssrc(11),
          .codecs = {sdp::h264_codec(), sdp::rtx_codec(sdp::h264_codec())}};
}

// One side: a peer on a simulated socket, that writes down what it is told.
class Party final : public Sink {
 public:
  Party(sim::SimClock& clock, sim::SimNet& net, const Endpoint& at, Config config, std::uint64_t seed)
      : random_(seed),
        peer(std::move(config), random_),
        out(net.attach(at, [this, &clock](const Endpoint& from, Bytes datagram) {
          ByteVector copy(datagram.begin(), datagram.end());
          peer.handle_datagram(clock.now(), from, copy, out, *this);
        })) {
    clock.drive([this] { return peer.deadline(); },
                [this](Instant now) { peer.handle_timeout(now, out, *this); });
  }

  void on_rtp(Instant, MutableBytes packet) override { rtp.emplace_back(packet.begin(), packet.end()); }
  void on_rtcp(Instant, MutableBytes packet) override { rtcp.emplace_back(packet.begin(), packet.end()); }
  void on_state(State state, std::string_view why) override {
    states.push_back(state);
    reason = why;
  }

 private:
  SeededRandom random_;

 public:
  Peer peer;
  Outbox& out;
  std::vector<ByteVector> rtp;
  std::vector<ByteVector> rtcp;
  std::vector<State> states;
  std::string reason;
};

// A publisher and a recorder with a simulated network between them.
class PeerToPeer : public ::testing::Test {
 protected:
  explicit PeerToPeer(std::uint64_t seed = 1) : net_(clock_, seed), seed_(seed) {}

  static Config config(Side side) {
    const bool sends = side == Side::offerer;
    return {.certificate = sends ? publisher_certificate : recorder_certificate,
            .side = side,
            .local = {sends ? publisher_at : recorder_at},
            .ice = {}};
  }
  std::string answer(std::string_view offer, const sdp::AnswerPolicy& policy = {}) {
    auto text = recorder_.peer.accept_offer(clock_.now(), offer, policy);
    EXPECT_TRUE(text.has_value()) << text.error().message;
    return text.value_or("");
  }
  void negotiate(const sdp::AnswerPolicy& policy = {}) {
    offer_ = publisher_.peer.make_offer({camera()});
    answer_ = answer(offer_, policy);
    const auto accepted = publisher_.peer.accept_answer(clock_.now(), answer_);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  }
  bool both_become(State state, Duration span) {
    return clock_.run_until(
        [&] { return publisher_.peer.state() == state && recorder_.peer.state() == state; }, span);
  }
  void connect(const sdp::AnswerPolicy& policy = {}) {
    negotiate(policy);
    ASSERT_TRUE(both_become(State::connected, 20s)) << publisher_.reason << recorder_.reason;
  }
  void expect_media_flows() {
    publisher_.rtcp.clear();
    recorder_.rtp.clear();
    net_.both_ways(publisher_at, recorder_at, {});
    EXPECT_TRUE(publisher_.peer.send_rtp(rtp_packet(++sequence_), publisher_.out));
    EXPECT_TRUE(recorder_.peer.send_rtcp(receiver_report(), recorder_.out));
    clock_.run_for(100ms);
    EXPECT_THAT(recorder_.rtp, ElementsAre(rtp_packet(sequence_)));
    EXPECT_THAT(publisher_.rtcp, ElementsAre(receiver_report()));
  }
  std::string edited_offer(auto edit) {
    auto description = sdp::parse(offer_).value();
    edit(description);
    return sdp::serialize(description);
  }

  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_;
  std::uint64_t seed_;
  Party publisher_{clock_, net_, publisher_at, config(Side::offerer), seed_ + 1'000};
  Party recorder_{clock_, net_, recorder_at, config(Side::answerer), seed_ + 2'000};
  std::string offer_;
  std::string answer_;
  std::uint16_t sequence_ = 0;
};

TEST_F(PeerToPeer, ConnectsWithinHalfASecondAndMediaFlows) {
  negotiate();
  EXPECT_TRUE(both_become(State::connected, 500ms));
  expect_media_flows();
  EXPECT_THAT(publisher_.states, ElementsAre(State::connected));
  EXPECT_THAT(recorder_.states, ElementsAre(State::connected));
  EXPECT_EQ(recorder_.peer.remote_endpoint(), publisher_at);
  EXPECT_EQ(recorder_.peer.sections()[0].track_id, "camera");
  EXPECT_EQ(publisher_.peer.sections()[0].codecs[0].name, "h264");
}

TEST_F(PeerToPeer, EitherSideMayBeTheDtlsServer) {
  connect({.setup = sdp::Setup::passive});
  EXPECT_THAT(answer_, HasSubstr("a=setup:passive"));
  expect_media_flows();
}

TEST_F(PeerToPeer, KnowsTheRoundTrip) {
  connect();
  clock_.run_for(10s);
  ASSERT_TRUE(recorder_.peer.round_trip().has_value());
  EXPECT_NEAR(to_seconds(*recorder_.peer.round_trip()), 0.02, 0.001);
}

TEST_F(PeerToPeer, NeedsNoCandidatesOfItsOwn) {
  offer_ = publisher_.peer.make_offer({camera()});
  auto quiet = sdp::parse(answer(offer_)).value();
  quiet.media[0].transport.candidates.clear();
  ASSERT_TRUE(publisher_.peer.accept_answer(clock_.now(), sdp::serialize(quiet)).has_value());
  EXPECT_TRUE(both_become(State::connected, 2s));
}

TEST_F(PeerToPeer, TakesCandidatesThatTrickleIn) {
  offer_ = publisher_.peer.make_offer({camera()});
  const std::string quiet =
      edited_offer([](auto& description) { description.media[0].transport.candidates.clear(); });
  auto silent = sdp::parse(answer(quiet)).value();
  silent.media[0].transport.candidates.clear();
  ASSERT_TRUE(publisher_.peer.accept_answer(clock_.now(), sdp::serialize(silent)).has_value());
  EXPECT_FALSE(both_become(State::connected, 3s));
  recorder_.peer.add_remote_candidate(clock_.now(), "candidate:1 1 udp 2130706431 192.0.2.1 1000 typ host");
  EXPECT_TRUE(both_become(State::connected, 2s));
}

TEST_F(PeerToPeer, CandidatesOfNoUseAreCounted) {
  negotiate();
  for (const std::string_view text : {"nonsense", "candidate:1 1 tcp 1 192.0.2.9 9 typ host tcptype active",
                                      "candidate:1 1 udp 2130706431 3f1d.local 50000 typ host", ""}) {
    recorder_.peer.add_remote_candidate(clock_.now(), text);
  }
  EXPECT_EQ(recorder_.peer.counters().candidates_ignored, 3u);
}

// A LiveKit server's way: the first offer has only a data channel, tracks come in the next.
TEST_F(PeerToPeer, ComesUpOnADataOnlyOfferAndTakesTracksLater) {
  offer_ = publisher_.peer.make_offer({camera()});
  const std::string data_only = edited_offer([](auto& description) {
    sdp::MediaDescription data;
    data.media = "application";
    data.protocol = "UDP/DTLS/SCTP";
    data.formats = "webrtc-datachannel";
    data.mid = "0";
    data.transport = description.media[0].transport;
    description.media = {data};
  });
  const auto first = sdp::parse(answer(data_only)).value();
  // What the publisher would be answered, from the same transport.
  const sdp::Transport& transport = first.media[0].transport;
  const auto mirrored = sdp::make_answer(sdp::parse(offer_).value(), {},
                                         {.session_id = 1,
                                          .session_version = 1,
                                          .ice_ufrag = transport.ice_ufrag,
                                          .ice_pwd = transport.ice_pwd,
                                          .fingerprint = transport.fingerprints[0],
                                          .candidates = transport.candidates});
  ASSERT_TRUE(publisher_.peer.accept_answer(clock_.now(), sdp::serialize(mirrored->description)).has_value());
  ASSERT_TRUE(both_become(State::connected, 2s));
  EXPECT_EQ(recorder_.peer.sections()[0].kind, sdp::Kind::application);

  const auto second = sdp::parse(answer(offer_)).value();
  EXPECT_EQ(recorder_.peer.sections()[0].track_id, "camera");
  EXPECT_EQ(second.media[0].transport.ice_ufrag, transport.ice_ufrag);
  EXPECT_EQ(second.media[0].transport.ice_pwd, transport.ice_pwd);
  EXPECT_EQ(second.media[0].transport.fingerprints, transport.fingerprints);
  EXPECT_EQ(second.media[0].transport.setup, transport.setup);
  EXPECT_EQ(second.session_id, first.session_id);
  EXPECT_GT(second.session_version, first.session_version);
  expect_media_flows();
}

TEST_F(PeerToPeer, TheDtlsRoleStaysWhateverTheLaterPolicySays) {
  connect({.setup = sdp::Setup::passive});
  EXPECT_THAT(answer(offer_, {.setup = sdp::Setup::active}), HasSubstr("a=setup:passive"));
  expect_media_flows();
}

TEST_F(PeerToPeer, AnIceRestartChangesOurCredentialsWhileMediaGoesOn) {
  connect();
  const std::string ufrag = recorder_.peer.local_ufrag();
  const std::string restart = edited_offer([](auto& description) {
    description.media[0].transport.ice_ufrag = "another";
    description.media[0].transport.ice_pwd = "anotherPasswordanotherPassword";
  });
  const std::string text = answer(restart);
  EXPECT_EQ(recorder_.peer.ice_restarts(), 1);
  EXPECT_NE(recorder_.peer.local_ufrag(), ufrag);
  EXPECT_THAT(text, HasSubstr("a=ice-ufrag:" + recorder_.peer.local_ufrag()));
  EXPECT_THAT(text, Not(HasSubstr(ufrag)));
  expect_media_flows();
  EXPECT_EQ(recorder_.peer.state(), State::connected);
}

TEST_F(PeerToPeer, IceIsRestartedByItsCredentialsAlone) {
  connect();
  const std::string ufrag = recorder_.peer.local_ufrag();
  EXPECT_FALSE(recorder_.peer.restart_ice(clock_.now(), {{"xy", "short"}, {}}).has_value());
  EXPECT_EQ(recorder_.peer.local_ufrag(), ufrag);
  const auto ours =
      recorder_.peer.restart_ice(clock_.now(), {{"another", "anotherPasswordanotherPassword"}, {}});
  ASSERT_TRUE(ours.has_value());
  EXPECT_EQ(ours->credentials.ufrag, recorder_.peer.local_ufrag());
  EXPECT_NE(ours->credentials.ufrag, ufrag);
  expect_media_flows();
}

TEST_F(PeerToPeer, AnotherCertificateOnALiveConnectionIsRefusedAndNothingChanges) {
  connect();
  const std::string stranger = edited_offer([](auto& description) {
    description.media[0].transport.fingerprints = {recorder_certificate->fingerprint().to_string()};
    description.media[0].msid = sdp::Msid{"stream", "other"};
  });
  const auto refused = recorder_.peer.accept_offer(clock_.now(), stranger, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_EQ(recorder_.peer.sections()[0].track_id, "camera");
  expect_media_flows();
}

TEST_F(PeerToPeer, ABrokenOfferIsAnErrorAndNothingChanges) {
  connect();
  EXPECT_FALSE(recorder_.peer.accept_offer(clock_.now(), "v=0\r\nnonsense", {}).has_value());
  expect_media_flows();
}

TEST_F(PeerToPeer, AFingerprintOfAnUnknownKindIsRefused) {
  offer_ = publisher_.peer.make_offer({camera()});
  const std::string odd =
      edited_offer([](auto& description) { description.media[0].transport.fingerprints = {"sha-999 AB"}; });
  EXPECT_EQ(recorder_.peer.accept_offer(clock_.now(), odd, {}).error().code, ErrorCode::unsupported);
}

TEST_F(PeerToPeer, AStrangersCertificateFailsTheConnection) {
  offer_ = publisher_.peer.make_offer({camera()});
  const std::string forged = edited_offer([](auto& description) {
    description.media[0].transport.fingerprints = {recorder_certificate->fingerprint().to_string()};
  });
  ASSERT_TRUE(publisher_.peer.accept_answer(clock_.now(), answer(forged)).has_value());
  EXPECT_TRUE(clock_.run_until([&] { return recorder_.peer.state() == State::failed; }, 2s));
  EXPECT_THAT(recorder_.reason, HasSubstr("fingerprint mismatch"));
  EXPECT_EQ(recorder_.peer.deadline(), never);
  EXPECT_NE(publisher_.peer.state(), State::connected);
}

TEST_F(PeerToPeer, MediaBeforeTheKeysIsDroppedAndCounted) {
  negotiate();
  EXPECT_FALSE(publisher_.peer.send_rtp(rtp_packet(1), publisher_.out));
  ByteVector early = rtp_packet(1);
  recorder_.peer.handle_datagram(clock_.now(), publisher_at, early, recorder_.out, recorder_);
  EXPECT_THAT(recorder_.rtp, SizeIs(0));
  EXPECT_EQ(recorder_.peer.counters().early, 1u);
}

TEST_F(PeerToPeer, DtlsWithoutAPathIsCountedAsEarly) {
  negotiate();
  ByteVector hello(100, 22);
  recorder_.peer.handle_datagram(clock_.now(), publisher_at, hello, recorder_.out, recorder_);
  EXPECT_EQ(recorder_.peer.counters().early, 1u);
}

TEST_F(PeerToPeer, WhatIsOfNoProtocolIsCounted) {
  connect();
  for (const int first : {4, 16, 19, 64, 79, 127, 192, 255}) {
    ByteVector odd(40, static_cast<std::uint8_t>(first));
    recorder_.peer.handle_datagram(clock_.now(), publisher_at, odd, recorder_.out, recorder_);
  }
  EXPECT_EQ(recorder_.peer.counters().unknown, 8u);
  expect_media_flows();
}

TEST_F(PeerToPeer, GarbageNeverCrashesNorEndsAConnection) {
  connect();
  SeededRandom random(9);
  for (int i = 0; i < 3'000; ++i) {
    ByteVector garbage(random.below(300));
    random.fill(garbage);
    recorder_.peer.handle_datagram(clock_.now(), publisher_at, garbage, recorder_.out, recorder_);
  }
  EXPECT_THAT(recorder_.rtp, SizeIs(0));
  EXPECT_EQ(recorder_.peer.state(), State::connected);
  expect_media_flows();
}

TEST_F(PeerToPeer, RtpAndRtcpAreToldApart) {
  connect();
  ByteVector marked = rtp_packet(1);
  for (const int second : {0, 127, 128, 191, 224, 255}) {
    marked[1] = static_cast<std::uint8_t>(second);
    store_u16(&marked[2], ++sequence_);
    EXPECT_TRUE(publisher_.peer.send_rtp(marked, publisher_.out));
  }
  EXPECT_TRUE(publisher_.peer.send_rtcp(receiver_report(), publisher_.out));
  clock_.run_for(100ms);
  EXPECT_THAT(recorder_.rtp, SizeIs(6));
  EXPECT_THAT(recorder_.rtcp, SizeIs(1));
}

TEST_F(PeerToPeer, APacketTooLongIsNotSent) {
  connect();
  EXPECT_TRUE(publisher_.peer.send_rtp(rtp_packet(1, Peer::max_packet - 12), publisher_.out));
  EXPECT_FALSE(publisher_.peer.send_rtp(rtp_packet(2, Peer::max_packet - 11), publisher_.out));
}

TEST_F(PeerToPeer, GoodbyeClosesTheOtherSideToo) {
  connect();
  publisher_.peer.close(publisher_.out);
  EXPECT_EQ(publisher_.peer.state(), State::closed);
  EXPECT_EQ(publisher_.peer.deadline(), never);
  EXPECT_FALSE(publisher_.peer.send_rtp(rtp_packet(1), publisher_.out));
  clock_.run_for(100ms);
  EXPECT_EQ(recorder_.peer.state(), State::closed);
  EXPECT_THAT(recorder_.reason, HasSubstr("close_notify"));
  EXPECT_EQ(recorder_.peer.deadline(), never);
}

TEST_F(PeerToPeer, SilenceDisconnectsThenEndsConsent) {
  connect();
  net_.black_out(publisher_at, recorder_at, 1h);
  clock_.run_for(1min);
  EXPECT_THAT(recorder_.states, ElementsAre(State::connected, State::disconnected, State::failed));
  EXPECT_THAT(recorder_.reason, HasSubstr("consent expired"));
  EXPECT_FALSE(recorder_.peer.send_rtcp(receiver_report(), recorder_.out));
}

TEST_F(PeerToPeer, AShortSilenceHeals) {
  connect();
  net_.black_out(publisher_at, recorder_at, 15s);
  clock_.run_for(30s);
  EXPECT_THAT(recorder_.states, ElementsAre(State::connected, State::disconnected, State::connected));
  expect_media_flows();
}

TEST_F(PeerToPeer, NobodyThereIsAFailureThatSaysSo) {
  negotiate();
  net_.black_out(publisher_at, recorder_at, 1h);
  clock_.run_for(2min);
  EXPECT_THAT(recorder_.states, ElementsAre(State::failed));
  EXPECT_THAT(recorder_.reason, HasSubstr("none of its ICE candidates answered"));
}

TEST_F(PeerToPeer, AnAnswerNeedsAnOffer) {
  EXPECT_EQ(publisher_.peer.accept_answer(clock_.now(), "v=0\r\n").error().code, ErrorCode::conflict);
}

class PeerToPeerUnderLoss : public PeerToPeer, public ::testing::WithParamInterface<std::uint64_t> {
 protected:
  PeerToPeerUnderLoss() : PeerToPeer(GetParam()) {}
};

TEST_P(PeerToPeerUnderLoss, ConnectsWithin10sInEitherDtlsRole) {
  sim::Path path;
  path.loss = 0.2;
  path.jitter = 20ms;
  path.reorder = 0.1;
  path.duplicate = 0.05;
  net_.both_ways(publisher_at, recorder_at, path);
  negotiate({.setup = GetParam() % 2 == 0 ? sdp::Setup::active : sdp::Setup::passive});
  EXPECT_TRUE(both_become(State::connected, 10s)) << publisher_.reason << recorder_.reason;
  expect_media_flows();
}

INSTANTIATE_TEST_SUITE_P(Seeds, PeerToPeerUnderLoss, ::testing::Range<std::uint64_t>(0, 40));

}  // namespace
}  // namespace holdfast::peer

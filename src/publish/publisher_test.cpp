#include "publish/publisher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "codec/depacketizer.hpp"
#include "codec/h264_bitstream.hpp"
#include "publish/source.hpp"
#include "rtp/packet.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"

namespace holdfast::publish {
namespace {

using namespace std::chrono_literals;
using media::Codec;

const Endpoint publisher_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
const Endpoint viewer_at{IpAddress::from_v4(192, 0, 2, 2), 2000};
constexpr std::uint64_t seed = 7;

// Two seconds of the test picture and tone, encoded once.
const std::vector<EncodedFrame>& recorded_frames() {
  static const auto frames = [] {
    const SyntheticSettings settings{
        .video =
            VideoSettings{.width = 160, .height = 90, .frames_per_second = 30, .bits_per_second = 200'000},
        .audio = true};
    const auto source = open_synthetic_source(settings).value();
    std::vector<EncodedFrame> made;
    for (int i = 0; i < 160; ++i) made.push_back(source->next(media::Picture::delta, {}).value());
    return made;
  }();
  return frames;
}

// The receiving side: a bare peer that keeps what it is told, by SSRC.
class Viewer final : public peer::Sink {
 public:
  Viewer(sim::SimClock& clock, sim::SimNet& net)
      : peer({.certificate = dtls::Certificate::generate().value(), .local = {viewer_at}, .ice = {}},
             random_),
        out(net.attach(viewer_at, [this, &clock](const Endpoint& from, Bytes datagram) {
          ByteVector copy(datagram.begin(), datagram.end());
          peer.handle_datagram(clock.now(), from, copy, out, *this);
        })) {
    clock.drive([this] { return peer.deadline(); },
                [this](Instant now) { peer.handle_timeout(now, out, *this); });
  }

  void on_rtp(Instant, MutableBytes bytes) override {
    const auto packet = rtp::Packet::parse(bytes);
    ASSERT_TRUE(packet.has_value());
    packets[packet->ssrc].emplace_back(bytes.begin(), bytes.end());
  }
  void on_rtcp(Instant arrival, MutableBytes bytes) override {
    rtp::RtcpReader reader(bytes);
    while (const auto message = reader.next()) {
      if (const auto* report = std::get_if<rtp::SenderReport>(&*message))
        reports[report->sender].push_back({arrival, report->info});
    }
    EXPECT_FALSE(reader.malformed());
  }
  void on_state(peer::State, std::string_view) override {}

  void send(auto build) {
    ByteVector feedback;
    rtp::RtcpBuilder builder(feedback, Ssrc(1));
    build(builder);
    peer.send_rtcp(feedback, out);
  }
  const sdp::MediaSection& section(sdp::Kind kind) const {
    return *std::ranges::find(peer.sections(), kind, &sdp::MediaSection::kind);
  }

 private:
  SeededRandom random_{seed + 1};

 public:
  struct Report {
    Instant arrival;
    rtp::SenderInfo info;
  };
  peer::Peer peer;
  Outbox& out;
  std::map<Ssrc, std::vector<ByteVector>> packets;
  std::map<Ssrc, std::vector<Report>> reports;
};

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    clock_.drive([this] { return publisher_.deadline(); },
                 [this](Instant) { publisher_.handle_timeout(clock_.both(), out_); });
  }
  void negotiate() {
    const auto answer = viewer_.peer.accept_offer(clock_.now(), publisher_.make_offer(), {});
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto accepted = publisher_.accept_answer(clock_.now(), *answer);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  }
  void connect() {
    negotiate();
    ASSERT_TRUE(clock_.run_until([&] { return publisher_.state() == peer::State::connected; }, 2s));
    clock_.run_for(100ms);
  }
  // Sends all recorded frames, each at its time.
  void publish_all() {
    const Instant start = clock_.now();
    for (const EncodedFrame& frame : recorded_frames()) {
      clock_.run_until(start + media::to_duration(frame.time));
      EncodedFrame now = frame;
      now.time += rounds_ * round;
      publisher_.send(clock_.both(), now, out_);
    }
    ++rounds_;
    clock_.run_until(start + media::to_duration(round));
  }

  Ssrc ssrc(sdp::Kind kind) const { return viewer_.section(kind).sources.front().ssrc; }
  std::vector<ByteVector>& packets(sdp::Kind kind) { return viewer_.packets[ssrc(kind)]; }

  static constexpr media::Ticks round = 2 * media::ticks_per_second;
  int rounds_ = 0;
  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_{clock_, seed};
  SeededRandom random_{seed};
  Outbox& out_ = net_.attach(publisher_at, [this](const Endpoint& from, Bytes datagram) {
    ByteVector copy(datagram.begin(), datagram.end());
    publisher_.handle_datagram(clock_.now(), from, copy, out_);
  });
  Publisher publisher_{
      {.video = Codec::h264, .audio = Codec::opus}, dtls::Certificate::generate().value(), {}, random_};
  Viewer viewer_{clock_, net_};
};

class FrameCollector final : public codec::FrameSink {
 public:
  void frame(const codec::CodedFrame& frame) override {
    frames.emplace_back(frame.payload.begin(), frame.payload.end());
  }
  void discard(codec::Discard, std::uint32_t packets) override { discarded += packets; }
  std::vector<ByteVector> frames;
  std::uint32_t discarded = 0;
};

std::vector<ByteVector> depacketize(Codec codec, const std::vector<ByteVector>& packets) {
  FrameCollector collector;
  const auto depacketizer = codec::make_depacketizer(codec);
  for (const ByteVector& bytes : packets) {
    const auto packet = rtp::Packet::parse(bytes).value();
    depacketizer->push({packet.timestamp, packet.marker, packet.payload}, collector);
  }
  depacketizer->flush(collector);
  EXPECT_EQ(collector.discarded, 0u);
  return collector.frames;
}

ByteVector with_long_start_codes(Bytes annex_b) {
  ByteVector unit;
  codec::NalReader nals(annex_b);
  while (const auto nal = nals.next()) codec::append_annex_b(*nal, unit);
  return unit;
}

std::vector<ByteVector> sent_frames(Codec codec) {
  std::vector<ByteVector> frames;
  for (const EncodedFrame& frame : recorded_frames()) {
    if (frame.codec != codec) continue;
    frames.push_back(codec == Codec::h264 ? with_long_start_codes(frame.payload) : frame.payload);
  }
  return frames;
}

TEST_F(PublisherTest, EveryFrameArrivesWhole) {
  connect();
  publish_all();
  EXPECT_TRUE(depacketize(Codec::opus, packets(sdp::Kind::audio)) == sent_frames(Codec::opus));
  EXPECT_TRUE(depacketize(Codec::h264, packets(sdp::Kind::video)) == sent_frames(Codec::h264));
  EXPECT_EQ(publisher_.counters().frames, recorded_frames().size());
  EXPECT_EQ(publisher_.counters().packets,
            packets(sdp::Kind::audio).size() + packets(sdp::Kind::video).size());
  EXPECT_EQ(publisher_.counters().resent, 0u);
}

TEST_F(PublisherTest, ResendsByRtxWhatANackNames) {
  connect();
  publish_all();
  const auto original = rtp::Packet::parse(packets(sdp::Kind::video)[3]).value();
  viewer_.send([&](rtp::RtcpBuilder& builder) {
    builder.nack(ssrc(sdp::Kind::video), std::array{original.sequence});
  });
  clock_.run_for(100ms);
  const auto& resent = viewer_.packets[*viewer_.section(sdp::Kind::video).sources.front().rtx];
  ASSERT_EQ(resent.size(), 1u);
  const auto rtx = rtp::Packet::parse(resent[0]).value();
  EXPECT_EQ(load_u16(rtx.payload.data()), original.sequence);
  EXPECT_TRUE(std::ranges::equal(rtx.payload.subspan(2), original.payload));
  EXPECT_EQ(rtx.timestamp, original.timestamp);
  EXPECT_EQ(publisher_.counters().resent, 1u);
}

TEST_F(PublisherTest, ResendsAudioUnderItsOwnSsrc) {
  connect();
  publish_all();
  const ByteVector original = packets(sdp::Kind::audio).back();
  const std::size_t before = packets(sdp::Kind::audio).size();
  const auto sequence = rtp::Packet::parse(original).value().sequence;
  // As if it had been lost on the way: SRTP takes a packet only once.
  net_.path(publisher_at, viewer_at).dark_until = clock_.now() + 1s;
  publisher_.send(clock_.both(), recorded_frames()[1], out_);
  clock_.run_for(1s);
  const auto next = static_cast<std::uint16_t>(sequence + 1);
  viewer_.send([&](rtp::RtcpBuilder& builder) { builder.nack(ssrc(sdp::Kind::audio), std::array{next}); });
  clock_.run_for(100ms);
  ASSERT_EQ(packets(sdp::Kind::audio).size(), before + 1);
  EXPECT_EQ(rtp::Packet::parse(packets(sdp::Kind::audio).back()).value().sequence, next);
}

TEST_F(PublisherTest, KnowsThatAKeyFrameIsWanted) {
  connect();
  EXPECT_TRUE(publisher_.take_key_frame_request());  // a browser begins with one
  EXPECT_FALSE(publisher_.take_key_frame_request());
  viewer_.send([&](rtp::RtcpBuilder& builder) { builder.picture_loss(ssrc(sdp::Kind::video)); });
  clock_.run_for(100ms);
  EXPECT_TRUE(publisher_.take_key_frame_request());
  viewer_.send([&](rtp::RtcpBuilder& builder) { builder.full_intra_request(ssrc(sdp::Kind::video), 1); });
  clock_.run_for(100ms);
  EXPECT_TRUE(publisher_.take_key_frame_request());
  EXPECT_EQ(publisher_.counters().key_frame_requests, 2u);
}

// RFC 3550 section 6.4.1: NTP and RTP time of a report are one instant.
TEST_F(PublisherTest, ReportsTieTheMediaClocksToTheWallClock) {
  connect();
  publish_all();
  publish_all();
  for (const auto& [kind, rate] : {std::pair{sdp::Kind::video, 90'000.0}, {sdp::Kind::audio, 48'000.0}}) {
    const auto& reports = viewer_.reports[ssrc(kind)];
    ASSERT_GE(reports.size(), 2u);
    const auto& first = reports[0].info;
    for (const auto& [arrival, report] : reports) {
      const double wall = static_cast<double>(report.ntp - first.ntp) / 4294967296.0;
      EXPECT_NEAR((report.rtp_timestamp - first.rtp_timestamp) / rate, wall, 0.001);
      const auto unix_now =
          clock_.wall() - (clock_.now() - arrival) - net_.path(publisher_at, viewer_at).delay;
      EXPECT_NEAR(static_cast<double>(report.ntp >> 32) - 2'208'988'800.0,
                  to_seconds(unix_now.time_since_epoch()), 1.0);
    }
    EXPECT_GT(reports.back().info.packets, 50u);
    EXPECT_LE(reports.back().info.packets, packets(kind).size());
  }
}

TEST_F(PublisherTest, SendsNothingBeforeTheConnectionStands) {
  publisher_.send(clock_.both(), recorded_frames()[0], out_);
  negotiate();
  publisher_.send(clock_.both(), recorded_frames()[0], out_);
  EXPECT_EQ(publisher_.counters().packets, 0u);
}

TEST_F(PublisherTest, ATrackThatWasRefusedIsNotSent) {
  const auto answer = viewer_.peer.accept_offer(clock_.now(), publisher_.make_offer(), {.codecs = {"opus"}});
  ASSERT_TRUE(publisher_.accept_answer(clock_.now(), answer.value()).has_value());
  ASSERT_TRUE(clock_.run_until([&] { return publisher_.state() == peer::State::connected; }, 2s));
  publish_all();
  EXPECT_EQ(publisher_.counters().frames, sent_frames(Codec::opus).size());
}

TEST_F(PublisherTest, TakesNoAnswerThatMakesNoSense) {
  publisher_.make_offer();
  EXPECT_FALSE(publisher_.accept_answer(clock_.now(), "v=0\r\n").has_value());
}

TEST_F(PublisherTest, SaysWhyTheConnectionEnded) {
  connect();
  viewer_.peer.close(viewer_.out);
  clock_.run_for(1s);
  EXPECT_EQ(publisher_.state(), peer::State::closed);
  EXPECT_NE(publisher_.failure().find("closed"), std::string::npos);
}

TEST_F(PublisherTest, LosesNothingForGoodAtFivePercentLoss) {
  connect();
  net_.path(publisher_at, viewer_at).loss = 0.05;
  publish_all();
  // One NACK for all that is missing of the video, again until it is there.
  const Ssrc media = ssrc(sdp::Kind::video);
  const Ssrc rtx = *viewer_.section(sdp::Kind::video).sources.front().rtx;
  const auto missing = [&] {
    std::map<std::uint16_t, bool> have;
    for (const ByteVector& bytes : viewer_.packets[media]) have[rtp::Packet::parse(bytes)->sequence] = true;
    for (const ByteVector& bytes : viewer_.packets[rtx])
      have[load_u16(rtp::Packet::parse(bytes)->payload.data())] = true;
    std::vector<std::uint16_t> gone;
    for (std::uint16_t sequence = 0; sequence <= have.rbegin()->first; ++sequence) {
      if (!have.contains(sequence)) gone.push_back(sequence);
    }
    return gone;
  };
  ASSERT_FALSE(missing().empty());
  for (int attempt = 0; attempt < 20 && !missing().empty(); ++attempt) {
    viewer_.send([&](rtp::RtcpBuilder& builder) { builder.nack(media, missing()); });
    clock_.run_for(100ms);
  }
  EXPECT_TRUE(missing().empty());
}

}  // namespace
}  // namespace holdfast::publish

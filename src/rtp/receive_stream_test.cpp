#include "rtp/receive_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/random.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

constexpr Ssrc media(1);
constexpr Ssrc rtx(2);
constexpr PayloadType media_type(96);
constexpr PayloadType rtx_type(97);

// Keeps what is delivered and checks, in every call, that it is in order and that the ledger's sum holds.
class KeepingDelivery final : public Delivery {
 public:
  explicit KeepingDelivery(Ledger& ledger) : ledger_(ledger) {}
  void handle_packet(const MediaPacket& packet) override {
    if (!sequences.empty() && !restarted_) {
      EXPECT_GT(packet.sequence, sequences.back());
    }
    restarted_ = false;
    sequences.push_back(packet.sequence);
    times.push_back(packet.time);
    payloads.emplace_back(packet.payload.begin(), packet.payload.end());
    newest = packet;
    ledger_.write(1);
    EXPECT_TRUE(ledger_.check());
  }
  void handle_loss(std::uint64_t count) override {
    losses.push_back(count);
    EXPECT_TRUE(ledger_.check());
  }
  void handle_restart() override {
    ++restarts;
    restarted_ = true;
  }

  std::vector<std::int64_t> sequences;
  std::vector<std::int64_t> times;
  std::vector<ByteVector> payloads;
  std::vector<std::uint64_t> losses;
  int restarts = 0;
  MediaPacket newest;

 private:
  Ledger& ledger_;
  bool restarted_ = false;
};

class ReceiveStreamTest : public testing::Test {
 protected:
  static ReceiveStream::Config video() { return {.ssrc = media, .keyframe_interval = 4s}; }
  static ReceiveStream::Config video_with_rtx() {
    ReceiveStream::Config config = video();
    config.rtx = Rtx{rtx, {{rtx_type, media_type}}};
    return config;
  }
  void use(const ReceiveStream::Config& config, std::size_t places = 4096) {
    delivery_.emplace(ledger_);
    stream_.reset();
    pool_.emplace(places);
    stream_.emplace(config, *pool_, ledger_);
  }
  void SetUp() override { use(video()); }

  // The packet a sender numbered `sequence`: ten milliseconds of media each.
  Packet packet(std::int64_t sequence) {
    payload_ = {static_cast<std::uint8_t>(sequence >> 8), static_cast<std::uint8_t>(sequence), 42};
    Packet packet;
    packet.ssrc = media;
    packet.payload_type = media_type;
    packet.sequence = static_cast<std::uint16_t>(sequence);
    packet.timestamp = static_cast<std::uint32_t>(timestamp_base_ + sequence * 900);
    packet.payload = payload_;
    return packet;
  }
  void receive(std::int64_t sequence) { receive(packet(sequence)); }
  void receive(const Packet& packet) {
    stream_->handle_packet(now_, packet, *delivery_);
    check();
  }
  void receive_resent(std::int64_t sequence) {
    Packet packet = this->packet(sequence);
    packet.ssrc = rtx;
    packet.payload_type = rtx_type;
    ByteVector payload = {static_cast<std::uint8_t>(packet.sequence >> 8),
                          static_cast<std::uint8_t>(packet.sequence)};
    payload.insert(payload.end(), payload_.begin(), payload_.end());
    packet.payload = payload;
    packet.sequence = rtx_sequence_++;
    receive(packet);
  }
  void receive_padding(std::int64_t sequence) {
    Packet packet = this->packet(sequence);
    packet.payload = {};
    receive(packet);
  }
  void check() {
    ASSERT_TRUE(ledger_.check());
    ASSERT_EQ(ledger_.pending(), stream_->missing() + stream_->waiting());
    ASSERT_EQ(pool_->in_use(), stream_->waiting());
  }
  // Lets time pass up to `instant`, doing what is due.
  void run_until(Instant instant) {
    while (stream_->deadline() <= instant) {
      now_ = std::max(now_, stream_->deadline());
      do_what_is_due();
    }
    now_ = instant;
  }
  void pass(Duration duration) { run_until(now_ + duration); }
  void do_what_is_due() {
    stream_->handle_timeout(now_, *delivery_);
    check();
    ByteVector datagram;
    RtcpBuilder builder(datagram, Ssrc(77));
    stream_->append_feedback(now_, builder);
    ASSERT_LE(datagram.size(), 600u);
    ASSERT_GT(stream_->deadline(), now_);
    RtcpReader reader(datagram);
    while (const auto message = reader.next()) keep(*message);
    ASSERT_FALSE(reader.malformed());
  }
  void keep(const RtcpMessage& message) {
    if (const auto* nack = std::get_if<Nack>(&message)) {
      nack->for_each([&](std::uint16_t sequence) { asked_[sequence].push_back(now_); });
    }
    if (const auto* report = std::get_if<ReceiverReport>(&message)) reports_.push_back(report->reports[0]);
    if (std::holds_alternative<PictureLoss>(message)) key_frames_asked_.push_back(now_);
  }

  Ledger ledger_;
  std::optional<PacketPool> pool_;
  std::optional<KeepingDelivery> delivery_;
  std::optional<ReceiveStream> stream_;
  Instant now_ = Instant(1h);
  std::map<std::uint16_t, std::vector<Instant>> asked_;
  std::vector<ReportBlock> reports_;
  std::vector<Instant> key_frames_asked_;
  ByteVector payload_;
  std::int64_t timestamp_base_ = 0;
  std::uint16_t rtx_sequence_ = 0;
};

using Sequences = std::vector<std::int64_t>;
using Counts = std::vector<std::uint64_t>;

TEST_F(ReceiveStreamTest, PacketsInOrderAreDeliveredAtOnceFromTheCallersBuffer) {
  for (int i = 0; i < 5; ++i) {
    receive(i);
    EXPECT_EQ(delivery_->newest.payload.data(), payload_.data());
  }
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2, 3, 4}));
  EXPECT_EQ(ledger_.expected(), 5u);
  EXPECT_EQ(ledger_.written(), 5u);
}

TEST_F(ReceiveStreamTest, PacketsWaitBehindAHoleUntilItIsFilled) {
  receive(0);
  receive(2);
  receive(3);
  EXPECT_EQ(delivery_->sequences, (Sequences{0}));
  EXPECT_EQ(ledger_.pending(), 3u);
  receive(1);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2, 3}));
  EXPECT_EQ(delivery_->payloads[2], (ByteVector{0, 2, 42}));
  EXPECT_EQ(ledger_.recovered(), 0u);
}

TEST_F(ReceiveStreamTest, AHoleIsGivenUpWhenTheWindowHasPassedSinceItWasSeen) {
  receive(0);
  pass(10s);
  receive(3);
  pass(1499ms);
  EXPECT_EQ(delivery_->sequences, (Sequences{0}));
  pass(1ms);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 3}));
  EXPECT_EQ(delivery_->losses, (Counts{2}));
  EXPECT_EQ(ledger_.lost(), 2u);
}

TEST_F(ReceiveStreamTest, AHoleIsGivenUpWhenTheSenderNoLongerKeepsIt) {
  receive(0);
  for (int i = 2; i < 2 + 480; ++i) receive(i);
  EXPECT_EQ(delivery_->sequences.size(), 1u);
  receive(2 + 480);
  EXPECT_EQ(delivery_->sequences.size(), 1u + 481u);
  EXPECT_EQ(ledger_.lost(), 1u);
}

TEST_F(ReceiveStreamTest, EachHoleHasAWindowOfItsOwn) {
  receive(0);
  receive(2);
  pass(1s);
  receive(4);
  pass(600ms);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2}));
  receive(3);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2, 3, 4}));
}

TEST_F(ReceiveStreamTest, AWindowOfZeroWaitsForNothing) {
  ReceiveStream::Config config = video();
  config.recovery_window = 0ms;
  use(config);
  receive(0);
  receive(2);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2}));
}

TEST_F(ReceiveStreamTest, SequenceAndTimeGoOnAcrossTheWrap) {
  timestamp_base_ = (1ll << 32) - 65'535 * 900ll;
  receive(65'534);
  receive(65'536);
  receive(65'535);
  receive(65'537);
  EXPECT_EQ(delivery_->sequences, (Sequences{65'534, 65'535, 65'536, 65'537}));
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(delivery_->times[i] - delivery_->times[i - 1], 900);
}

TEST_F(ReceiveStreamTest, OvertakingPacketsAreNotAskedFor) {
  receive(0);
  receive(2);
  now_ += 9ms;
  receive(1);
  pass(1s);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForTenMillisecondsAfterItWasSeen) {
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(50ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen + 10ms}));
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForAtOnceWhenThreePacketsCameAfterIt) {
  receive(0);
  receive(2);
  receive(3);
  EXPECT_GT(stream_->deadline(), now_);
  receive(4);
  EXPECT_LE(stream_->deadline(), now_);
  const Instant seen = now_;
  pass(1ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen}));
}

TEST_F(ReceiveStreamTest, AHoleIsAskedForEvery100MillisecondsAsLongAsItIsOpen) {
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(3s);
  ASSERT_EQ(asked_[1].size(), 15u);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(asked_[1][i], seen + 10ms + i * 100ms);
}

TEST_F(ReceiveStreamTest, AnAskIsThreeNacksAndTheNextComesWhenItsAnswerCouldHave) {
  stream_->set_round_trip(200ms);
  receive(0);
  receive(2);
  const Instant seen = now_;
  pass(300ms);
  EXPECT_EQ(asked_[1], (std::vector<Instant>{seen + 10ms, seen + 20ms, seen + 30ms, seen + 280ms,
                                             seen + 290ms, seen + 300ms}));
}

TEST_F(ReceiveStreamTest, OnAShortPathAnAskIsOneNack) {
  stream_->set_round_trip(15ms);
  receive(0);
  receive(2);
  pass(200ms);
  EXPECT_EQ(asked_[1].size(), 2u);
}

TEST_F(ReceiveStreamTest, WhereTheSenderSoonForgetsItIsAskedThreeTimesBefore) {
  stream_->set_round_trip(200ms);
  int sequence = 0;
  for (; sequence < 200; ++sequence) receive(sequence), pass(1ms);  // it keeps 480 of them: 0.48 s
  asked_.clear();
  const int hole = sequence++;
  for (; sequence < hole + 400; ++sequence) receive(sequence), pass(1ms);
  EXPECT_GE(asked_[static_cast<std::uint16_t>(hole)].size(), 9u);
}

TEST_F(ReceiveStreamTest, ASenderThatAnswersEveryNackIsSentOne) {
  use(video_with_rtx());
  stream_->set_round_trip(80ms);
  receive(0);
  for (int hole = 1; hole < 9; hole += 2) {
    asked_.clear();
    receive(hole + 1);
    pass(90ms);
    if (hole < 7) {
      EXPECT_EQ(asked_[static_cast<std::uint16_t>(hole)].size(), 3u);
    }
    for (int copy = 0; copy < 3; ++copy) receive_resent(hole);
  }
  EXPECT_EQ(asked_[7].size(), 1u);
  EXPECT_EQ(ledger_.recovered(), 4u);
  EXPECT_EQ(ledger_.duplicates(), 8u);
}

TEST_F(ReceiveStreamTest, TheAnswersTellTheRoundTrip) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(10ms);  // asked
  pass(60ms);
  receive_resent(1);
  asked_.clear();
  receive(4);
  pass(240ms);
  EXPECT_EQ(asked_[3].size(), 6u);  // two volleys
  EXPECT_EQ(asked_[3][3] - asked_[3][2], 100ms);
}

TEST_F(ReceiveStreamTest, WherePacketsComeLateTheyAreGivenTheirTime) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(100ms);
  receive(1);
  asked_.clear();
  const auto asked_after = [&](int hole) {
    const Instant seen = now_;
    for (int i = 1; i < 6; ++i) receive(hole + i);
    pass(400ms);
    return asked_[static_cast<std::uint16_t>(hole)].front() - seen;
  };
  EXPECT_EQ(asked_after(3), 125ms);
  // Losses take it back.
  receive_resent(3);
  EXPECT_EQ(asked_after(9), Duration(125ms) * 7 / 8);
}

TEST_F(ReceiveStreamTest, WhatComesBeforeAnAnswerCouldWasOnlyLate) {
  stream_->set_round_trip(100ms);
  receive(0);
  receive(2);
  pass(20ms);
  receive(1);
  EXPECT_EQ(ledger_.recovered(), 0u);
}

TEST_F(ReceiveStreamTest, WhatComesAfterAnAskIsRecovered) {
  receive(0);
  receive(2);
  pass(20ms);
  receive(1);
  EXPECT_EQ(ledger_.recovered(), 1u);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2}));
}

TEST_F(ReceiveStreamTest, WithoutNackNothingIsAsked) {
  ReceiveStream::Config config = video();
  config.retransmission = ReceiveStream::Retransmission::none;
  use(config);
  receive(0);
  receive(2);
  pass(2s);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2}));
}

TEST_F(ReceiveStreamTest, RtxFillsAHoleUnderTheMediasOwnType) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(20ms);
  receive_resent(1);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2}));
  EXPECT_EQ(delivery_->payloads[1], (ByteVector{0, 1, 42}));
  EXPECT_EQ(ledger_.recovered(), 1u);
}

TEST_F(ReceiveStreamTest, AnRtxSourceThatNobodyToldOfIsLearntByItsPayloadType) {
  ReceiveStream::Config config = video_with_rtx();
  config.rtx->ssrc.reset();
  use(config);
  receive(0);
  receive(2);
  pass(20ms);
  receive_resent(1);
  EXPECT_EQ(delivery_->sequences, (Sequences{0}));
  Packet stranger = packet(1);
  stranger.ssrc = rtx;
  EXPECT_FALSE(stream_->learn_rtx(stranger));
  stranger.payload_type = rtx_type;
  EXPECT_TRUE(stream_->learn_rtx(stranger));
  receive_resent(1);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2}));
  stranger.ssrc = Ssrc(3);
  EXPECT_FALSE(stream_->learn_rtx(stranger));
}

TEST_F(ReceiveStreamTest, WhereThereIsRtxAPlainPacketWasOnlyLate) {
  use(video_with_rtx());
  receive(0);
  receive(2);
  pass(20ms);
  receive(1);
  EXPECT_EQ(ledger_.recovered(), 0u);
}

TEST_F(ReceiveStreamTest, RtxProbesChangeNothing) {
  use(video_with_rtx());
  receive_resent(5);
  EXPECT_EQ(ledger_.expected(), 0u);
  receive(0);
  receive(1);
  receive_resent(0);
  receive_resent(9);
  Packet padding;
  padding.ssrc = rtx;
  padding.payload_type = rtx_type;
  receive(padding);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1}));
  EXPECT_EQ(ledger_.duplicates(), 1u);
  EXPECT_EQ(ledger_.expected(), 2u);
}

TEST_F(ReceiveStreamTest, PaddingTakesASequenceNumberAndIsDropped) {
  receive(0);
  receive_padding(1);
  receive(2);
  receive(4);
  receive_padding(5);
  receive(3);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2, 3, 4}));
  EXPECT_EQ(ledger_.dropped(DropCause::empty), 2u);
  EXPECT_EQ(ledger_.expected(), 6u);
}

TEST_F(ReceiveStreamTest, DuplicatesAndLatePacketsAreCountedApart) {
  receive(10);
  receive(10);
  receive(12);
  receive(12);
  pass(2s);
  receive(11);
  receive(9);
  EXPECT_EQ(ledger_.duplicates(), 2u);
  EXPECT_EQ(ledger_.late(), 2u);
  EXPECT_EQ(ledger_.lost(), 1u);
  EXPECT_EQ(delivery_->sequences, (Sequences{10, 12}));
}

TEST_F(ReceiveStreamTest, WithoutAPlaceToWaitTheOldestHoleIsGivenUp) {
  use(video(), 3);
  receive(0);
  for (const int sequence : {2, 4, 6}) receive(sequence);
  EXPECT_EQ(delivery_->sequences, (Sequences{0}));
  receive(8);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2}));
  EXPECT_EQ(ledger_.lost(), 1u);
  receive(3);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2, 3, 4}));
}

TEST_F(ReceiveStreamTest, WithoutAnyPlaceNothingThatCameIsLost) {
  use(video(), 0);
  for (const int sequence : {0, 3, 4, 6}) receive(sequence);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 3, 4, 6}));
  EXPECT_EQ(ledger_.lost(), 3u);
}

TEST_F(ReceiveStreamTest, APacketTooLargeToWaitEndsTheWaiting) {
  receive(0);
  receive(2);
  Packet large = packet(4);
  const ByteVector bytes(3000, 1);
  large.payload = bytes;
  receive(large);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2, 4}));
}

TEST_F(ReceiveStreamTest, AWideHoleKeepsNoMoreThanTwiceWhatTheSenderDoes) {
  receive(0);
  receive(2900);
  EXPECT_EQ(ledger_.expected(), 2901u);
  EXPECT_EQ(stream_->missing(), 959u);
  EXPECT_EQ(ledger_.lost(), 2899u - 959u);
  pass(2s);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2900}));
}

TEST_F(ReceiveStreamTest, ASinglePacketFarOutOfSequenceIsIgnored) {
  receive(0);
  receive(20'000);
  receive(1);
  receive(20'001);
  receive(2);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 1, 2}));
  EXPECT_EQ(stream_->strays(), 2u);
  EXPECT_EQ(ledger_.expected(), 3u);
}

TEST_F(ReceiveStreamTest, ASenderThatBeginsAnewIsFollowed) {
  receive(100);
  receive(102);
  timestamp_base_ = 1'500'000'000;
  receive(40'000);
  EXPECT_EQ(delivery_->restarts, 0);
  receive(40'001);
  EXPECT_EQ(delivery_->restarts, 1);
  EXPECT_EQ(delivery_->sequences, (Sequences{100, 102}));
  receive(40'000);  // asked for again
  receive(40'002);
  EXPECT_EQ(delivery_->sequences, (Sequences{100, 102, 40'000, 40'001, 40'002}));
  EXPECT_EQ(ledger_.expected(), 3u + 3u);
  EXPECT_EQ(ledger_.lost(), 1u);
}

TEST_F(ReceiveStreamTest, ASenderThatBeginsAnewALittleBehindIsFollowed) {
  for (int i = 1000; i < 1500; ++i) receive(i);
  timestamp_base_ = 1'500'000'000;
  receive(1000);
  receive(1001);
  receive(1002);
  EXPECT_EQ(delivery_->restarts, 1);
  EXPECT_EQ(ledger_.expected(), 503u);
}

TEST_F(ReceiveStreamTest, AnOutageIsExpectedAndLost) {
  receive(0);
  pass(50s);
  receive(5000);
  receive(5001);
  EXPECT_EQ(delivery_->restarts, 0);
  EXPECT_EQ(ledger_.expected(), 5002u);
  EXPECT_EQ(stream_->missing(), 959u);
  pass(2s);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 5001}));
  EXPECT_EQ(ledger_.lost(), 5000u);
}

TEST_F(ReceiveStreamTest, TheEndOfTheStreamSettlesEverything) {
  for (const int sequence : {0, 2, 5}) receive(sequence);
  stream_->flush(now_, *delivery_);
  EXPECT_EQ(delivery_->sequences, (Sequences{0, 2, 5}));
  EXPECT_EQ(ledger_.pending(), 0u);
  EXPECT_EQ(ledger_.lost(), 3u);
  receive(6);
  EXPECT_EQ(delivery_->sequences.back(), 6);
}

TEST_F(ReceiveStreamTest, AKeyFrameIsAskedForOnlyWhenAHoleIsGivenUp) {
  receive(0);
  stream_->handle_key_frame(now_);
  receive(2);
  const Instant seen = now_;
  pass(1499ms);
  EXPECT_TRUE(key_frames_asked_.empty());
  pass(100ms);
  EXPECT_EQ(key_frames_asked_, (std::vector<Instant>{seen + 1500ms}));
}

TEST_F(ReceiveStreamTest, AnAudioStreamNeverAsksForKeyFrames) {
  use({.ssrc = media, .clock_rate = 48'000, .recovery_packets = ReceiveStream::audio_recovery_packets});
  receive(0);
  receive(2);
  pass(10s);
  EXPECT_TRUE(key_frames_asked_.empty());
}

TEST_F(ReceiveStreamTest, AReportIsSentEverySecond) {
  for (int i = 0; i < 10; ++i) receive(i), pass(10ms);
  receive(12);
  pass(3s);
  ASSERT_EQ(reports_.size(), 3u);
  EXPECT_EQ(reports_[0].source, media);
  EXPECT_EQ(reports_[0].highest_sequence, 12u);
  EXPECT_EQ(reports_[0].cumulative_lost, 2);
}

TEST_F(ReceiveStreamTest, ASenderReportIsKeptOnTheStreamsClock) {
  timestamp_base_ = (1ll << 32) - 900;
  receive(0);
  receive(1);
  receive(2);
  stream_->handle_sender_report(now_, {.ntp = 5, .rtp_timestamp = 450});
  ASSERT_TRUE(stream_->sender_clock());
  EXPECT_EQ(stream_->sender_clock()->time, delivery_->times[1] + 450);
  EXPECT_EQ(stream_->sender_clock()->ntp, 5u);
}

// Seeded networks: packets are lost, delayed, doubled, and resent when asked for.
class ReceiveStreamNetworkTest : public ReceiveStreamTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  struct InFlight {
    std::int64_t sequence;
    bool resent;
  };
  static constexpr int count = 3000;

  void send(std::int64_t sequence, bool resent) {
    if (random_.below(100) < loss_percent_) return;
    const Duration delay = 20ms + std::chrono::microseconds(random_.below(jitter_us_ + 1));
    flying_.emplace(now_ + delay, InFlight{sequence, resent});
    if (random_.below(50) == 0) flying_.emplace(now_ + delay + 5ms, InFlight{sequence, resent});
  }
  // Everything that happens up to `instant`; what is asked for is sent again.
  void run_network_until(Instant instant) {
    for (;;) {
      const Instant arrival = flying_.empty() ? never : flying_.begin()->first;
      const Instant next = std::min(arrival, stream_->deadline());
      if (next > instant) break;
      now_ = std::max(now_, next);
      if (arrival <= now_) {
        const InFlight packet = flying_.extract(flying_.begin()).mapped();
        packet.resent&& with_rtx_ ? receive_resent(packet.sequence) : receive(packet.sequence);
      } else {
        asked_.clear();
        do_what_is_due();
        for (const auto& [sequence, when] : asked_)
          send(first_ + static_cast<std::uint16_t>(sequence - first_), true);
      }
      if (HasFatalFailure()) return;
    }
    now_ = instant;
  }

  SeededRandom random_{GetParam()};
  std::uint64_t loss_percent_ = 0;
  std::uint64_t jitter_us_ = 0;
  bool with_rtx_ = GetParam() % 2 == 0;
  std::int64_t first_ = 65'536 - 500;
  std::multimap<Instant, InFlight> flying_;
};

TEST_P(ReceiveStreamNetworkTest, EverythingResentWithinTheWindowIsDeliveredOnceAndInOrder) {
  loss_percent_ = 1 + random_.below(12);
  jitter_us_ = random_.below(30'000);
  ReceiveStream::Config config = with_rtx_ ? video_with_rtx() : video();
  config.recovery_packets = 1024;
  use(config);
  now_ = Instant(1h);
  receive(first_);
  for (std::int64_t i = 1; i <= count; ++i) {
    run_network_until(now_ + 5ms);
    if (HasFatalFailure()) return;
    send(first_ + i, false);
  }
  loss_percent_ = 0;
  send(first_ + count + 1, false);  // shows what was lost at the end
  run_network_until(now_ + 3s);
  EXPECT_EQ(ledger_.expected(), static_cast<std::uint64_t>(count) + 2);
  EXPECT_EQ(ledger_.written(), ledger_.expected());
  EXPECT_EQ(ledger_.lost(), 0u);
  EXPECT_GT(ledger_.recovered(), 0u);
  EXPECT_TRUE(delivery_->losses.empty());
}

TEST_P(ReceiveStreamNetworkTest, NothingIsDeliveredTwiceOrUncountedWhateverComes) {
  use(with_rtx_ ? video_with_rtx() : video(), random_.below(64));
  std::int64_t sequence = static_cast<std::int64_t>(random_.below(65'536));
  for (int i = 0; i < 4000; ++i) {
    now_ += std::chrono::microseconds(random_.below(8'000));
    switch (random_.below(12)) {
      case 0:
        sequence += static_cast<std::int64_t>(random_.below(4'500));  // a wide hole or an outage
        break;
      case 1:
        receive(sequence - static_cast<std::int64_t>(random_.below(1'200)));
        break;
      case 2:
        receive_resent(sequence - static_cast<std::int64_t>(random_.below(300)));
        break;
      case 3:
        receive_padding(++sequence);
        break;
      case 4:
        receive(static_cast<std::int64_t>(random_.next_u32() & 0xffff));
        break;
      case 5:
        timestamp_base_ += static_cast<std::int64_t>(random_.next_u32());
        break;
      case 6:
        run_until(now_ + std::chrono::milliseconds(random_.below(400)));
        break;
      default:
        receive(++sequence);
    }
    if (HasFatalFailure()) return;
    ASSERT_LE(stream_->missing() + stream_->waiting(), 2u * 480u);
  }
  stream_->flush(now_, *delivery_);
  check();
  EXPECT_EQ(ledger_.pending(), 0u);
  EXPECT_EQ(ledger_.written(), delivery_->sequences.size());
  EXPECT_GT(delivery_->sequences.size(), 500u);
  EXPECT_GT(ledger_.late(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReceiveStreamNetworkTest, testing::ValuesIn(test_seeds(40, 0)));

}  // namespace
}  // namespace holdfast::rtp

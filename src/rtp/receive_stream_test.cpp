#include "rtp/receive_stream_test.hpp"

#include "base/test_seeds.hpp"

namespace holdfast::rtp {
namespace {

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

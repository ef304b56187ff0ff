#include "rtp/reception.hpp"

#include <gtest/gtest.h>

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

class ReceptionTest : public testing::Test {
 protected:
  ReceptionTest() { reception_.restart(100); }
  // A packet every 20 ms at 48 kHz, `late` after its time.
  void receive(std::int64_t sequence, Duration late = 0ms) {
    const std::int64_t index = sequence - 100;
    reception_.handle_packet(sequence, static_cast<std::uint32_t>(index * 960), start_ + index * 20ms + late);
  }
  ReportBlock report() { return reception_.report(Ssrc(1), start_ + 10s); }

  Reception reception_{48'000};
  Instant start_ = Instant(1h);
};

TEST_F(ReceptionTest, ASmoothStreamHasNeitherLossNorJitter) {
  for (int i = 0; i < 100; ++i) receive(100 + i);
  const ReportBlock block = report();
  EXPECT_EQ(block.fraction_lost, 0);
  EXPECT_EQ(block.cumulative_lost, 0);
  EXPECT_EQ(block.highest_sequence, 199u);
  EXPECT_EQ(block.jitter, 0u);
}

TEST_F(ReceptionTest, LossIsAFractionOfTheIntervalAndASumOfAll) {
  for (int i = 0; i < 100; i += 2) receive(100 + i);
  receive(199);
  EXPECT_EQ(report().fraction_lost, 49 * 256 / 100);
  for (int i = 100; i < 200; ++i) receive(100 + i);
  const ReportBlock block = report();
  EXPECT_EQ(block.fraction_lost, 0);
  EXPECT_EQ(block.cumulative_lost, 49);
}

TEST_F(ReceptionTest, DuplicatesMakeTheLossNegative) {
  for (int i = 0; i < 10; ++i) receive(100), receive(100 + i);
  EXPECT_EQ(report().cumulative_lost, -10);
}

TEST_F(ReceptionTest, JitterApproachesTheDifferenceOfTransitTimes) {
  for (int i = 0; i < 1000; ++i) receive(100 + i, i % 2 ? 5ms : 0ms);
  EXPECT_NEAR(report().jitter, 240, 2);
}

TEST_F(ReceptionTest, AnOutageIsNoJitter) {
  receive(100);
  reception_.handle_packet(101, 960, start_ + 20s);
  EXPECT_EQ(report().jitter, 0u);
}

TEST_F(ReceptionTest, TheLastSenderReportIsTimed) {
  receive(100);
  EXPECT_EQ(report().last_sender_report, 0u);
  reception_.handle_sender_report({.ntp = 0x1111'2222'3333'4444}, start_ + 8s);
  const ReportBlock block = report();
  EXPECT_EQ(block.last_sender_report, 0x2222'3333u);
  EXPECT_EQ(block.delay_since_last_sr, 2u * 65'536);
}

}  // namespace
}  // namespace holdfast::rtp

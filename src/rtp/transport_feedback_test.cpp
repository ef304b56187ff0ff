#include "rtp/transport_feedback.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/random.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

// What a message says, read by the draft (section 3.1), independently of how it was written.
struct Report {
  std::uint16_t base = 0;
  std::uint8_t number = 0;
  std::vector<std::optional<Duration>>
      arrivals;  // since the epoch of the reporter's clock, by number from base
};

std::optional<Report> read(Bytes datagram) {
  ByteReader reader(datagram);
  const std::uint8_t first = reader.read_u8();
  if ((first & 0x1f) != 15 || reader.read_u8() != 205) return std::nullopt;
  if (std::size_t{reader.read_u16()} * 4 + 4 != datagram.size()) return std::nullopt;
  if (reader.read_u32() != 77 || reader.read_u32() != 10) return std::nullopt;
  Report report;
  report.base = reader.read_u16();
  const std::size_t count = reader.read_u16();
  Duration at = reader.read_u24() * 64ms;
  report.number = reader.read_u8();
  std::vector<unsigned> statuses;
  while (statuses.size() < count && reader.ok()) {
    const unsigned chunk = reader.read_u16();
    if (!(chunk & 0x8000)) {
      statuses.insert(statuses.end(), chunk & 0x1fff, chunk >> 13 & 3);
    } else if (chunk & 0x4000) {
      for (int shift = 12; shift >= 0; shift -= 2) statuses.push_back(chunk >> shift & 3);
    } else {
      for (int shift = 13; shift >= 0; --shift) statuses.push_back(chunk >> shift & 1);
    }
  }
  statuses.resize(count);
  for (const unsigned status : statuses) {
    if (status == 0) {
      report.arrivals.emplace_back();
      continue;
    }
    at += 250us * (status == 1 ? int{reader.read_u8()} : int{static_cast<std::int16_t>(reader.read_u16())});
    report.arrivals.emplace_back(at);
  }
  const std::size_t padding = first & 0x20 ? datagram.back() : 0;
  if (!reader.ok() || reader.remaining() != padding) return std::nullopt;
  return report;
}

class TransportFeedbackTest : public testing::Test {
 protected:
  void receive(int number) { feedback_.handle_packet(static_cast<std::uint16_t>(number), now_); }
  Report report() {
    ByteVector datagram;
    RtcpBuilder builder(datagram, Ssrc(77));
    feedback_.append(now_, Ssrc(10), builder);
    EXPECT_LE(datagram.size(), 1100u);
    const auto parsed = read(datagram);
    EXPECT_TRUE(parsed.has_value());
    return parsed.value_or(Report{});
  }

  Instant now_ = Instant(1h);
  TransportFeedback feedback_;
};

TEST_F(TransportFeedbackTest, ArrivalsAreReportedAfter100Milliseconds) {
  EXPECT_EQ(feedback_.deadline(), never);
  receive(65'534);
  EXPECT_EQ(feedback_.deadline(), now_ + 100ms);
  now_ += 10ms;
  receive(65'535);
  now_ += 20ms;
  receive(1);  // 0 is missing
  now_ += 70ms;
  const Report first = report();
  EXPECT_EQ(first.base, 65'534);
  EXPECT_EQ(first.number, 0);
  ASSERT_EQ(first.arrivals.size(), 4u);
  EXPECT_EQ(*first.arrivals[1] - *first.arrivals[0], 10ms);
  EXPECT_FALSE(first.arrivals[2].has_value());
  EXPECT_EQ(*first.arrivals[3] - *first.arrivals[0], 30ms);
  EXPECT_EQ(feedback_.deadline(), never);
}

TEST_F(TransportFeedbackTest, MissingPacketsAreReportedWithTheNextThatComes) {
  receive(0);
  now_ += 100ms;
  report();
  receive(3);
  now_ += 100ms;
  const Report second = report();
  EXPECT_EQ(second.base, 1);
  EXPECT_EQ(second.number, 1);
  ASSERT_EQ(second.arrivals.size(), 3u);
  EXPECT_FALSE(second.arrivals[0].has_value());
  EXPECT_TRUE(second.arrivals[2].has_value());
}

TEST_F(TransportFeedbackTest, OvertakenPacketsAreReportedWithTheirTimes) {
  receive(0);
  now_ += 5ms;
  receive(2);
  now_ += 5ms;
  receive(1);
  receive(1);
  now_ += 90ms;
  const Report first = report();
  EXPECT_EQ(*first.arrivals[1] - *first.arrivals[0], 10ms);
  EXPECT_EQ(*first.arrivals[2] - *first.arrivals[0], 5ms);
}

TEST_F(TransportFeedbackTest, APauseTooLongForOneMessageTakesTwo) {
  receive(0);
  now_ += 10s;
  receive(1);
  EXPECT_EQ(report().arrivals.size(), 1u);
  EXPECT_LE(feedback_.deadline(), now_);
  EXPECT_EQ(report().base, 1);
  EXPECT_EQ(feedback_.deadline(), never);
}

TEST_F(TransportFeedbackTest, ManyPacketsAreReportedSooner) {
  for (int i = 0; i < 200; ++i) receive(i);
  EXPECT_LE(feedback_.deadline(), now_);
  EXPECT_EQ(report().arrivals.size(), 200u);
}

TEST_F(TransportFeedbackTest, AJumpBeginsAnew) {
  receive(0);
  receive(5000);
  now_ += 100ms;
  EXPECT_EQ(report().base, 5000);
}

class TransportFeedbackSeeds : public TransportFeedbackTest,
                               public testing::WithParamInterface<std::uint64_t> {};

TEST_P(TransportFeedbackSeeds, WhatIsReportedIsWhatCame) {
  SeededRandom random(GetParam());
  std::map<std::int64_t, Duration> came;
  std::int64_t reported = 0;
  std::int64_t next = 60'000;
  const auto check = [&] {
    while (feedback_.deadline() <= now_) {
      const Report said = report();
      for (std::size_t i = 0; i < said.arrivals.size(); ++i) {
        const std::int64_t number =
            next - 32'768 + static_cast<std::uint16_t>(said.base + i - (next - 32'768));
        const auto found = came.find(number);
        ASSERT_EQ(said.arrivals[i].has_value(), found != came.end()) << number;
        if (found == came.end()) continue;
        ++reported;
        ASSERT_LE(std::chrono::abs(*said.arrivals[i] - found->second % (64ms * (1 << 24))), 250us) << number;
      }
    }
  };
  for (int i = 0; i < 5000; ++i) {
    now_ += std::chrono::microseconds(random.below(random.below(50) == 0 ? 60'000 : 3'000));
    check();
    if (HasFatalFailure()) return;
    ++next;
    if (random.below(10) == 0) continue;  // lost
    if (came.emplace(next, now_.time_since_epoch()).second) receive(static_cast<int>(next & 0xffff));
  }
  now_ += 1s;
  check();
  EXPECT_EQ(reported, static_cast<std::int64_t>(came.size()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, TransportFeedbackSeeds, testing::ValuesIn(test_seeds(8)));

}  // namespace
}  // namespace holdfast::rtp

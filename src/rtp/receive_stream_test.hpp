#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "rtp/receive_stream.hpp"

namespace holdfast::rtp {

using namespace std::chrono_literals;

inline constexpr Ssrc media(1);
inline constexpr Ssrc rtx(2);
inline constexpr PayloadType media_type(96);
inline constexpr PayloadType rtx_type(97);

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

}  // namespace holdfast::rtp

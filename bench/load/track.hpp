#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/strong.hpp"
#include "base/time.hpp"
#include "load/track_loop.hpp"
#include "rtp/rtcp.hpp"

namespace holdfast::bench {

// One track of one session: where it is in the loop, and the numbers that make it a stream of its own. The
// loop begins again without a break in sequence numbers or timestamps. What was sent is not kept: a sequence
// number tells the packet. One thread; the loop outlives it.
class Track {
 public:
  struct Resend {
    Ssrc ssrc;
    PayloadType payload_type;
  };
  struct Config {
    Ssrc ssrc;
    PayloadType payload_type;
    std::optional<Resend> rtx{};  // where absent, the packet itself is sent again
    std::uint16_t first_sequence = 0;
    std::uint32_t first_timestamp = 0;
    std::uint32_t history = 500;  // packets that a NACK may still ask for
  };

  // `start` is the time of the loop's first frame.
  Track(TrackLoop& loop, const Config& config, Instant start)
      : loop_(&loop), config_(config), start_(start) {}

  // When the next burst is to leave.
  Instant due() const { return start_ + round_ * loop_->length() + loop_->bursts()[burst_].due; }
  // Hands over the packets of the next burst, plain: send(Bytes), each valid for the call only. Gives how
  // many.
  template <typename Send>
  std::uint32_t send_burst(Send&& send) {
    const TrackLoop::Burst& burst = loop_->bursts()[burst_];
    for (std::uint32_t i = 0; i < burst.count; ++i) {
      const Bytes packet = write(sent_++);
      octets_ += static_cast<std::uint32_t>(packet.size());
      send(packet);
    }
    if (++burst_ == loop_->bursts().size()) {
      burst_ = 0;
      ++round_;
    }
    return burst.count;
  }
  // The packet to send again for a sequence number of a NACK, valid until the next call; nothing when it was
  // never sent, or is longer ago than `history`.
  std::optional<Bytes> resend(std::uint16_t sequence);
  rtp::SenderInfo report(const Now& now) const;

  Ssrc ssrc() const { return config_.ssrc; }
  std::uint64_t sent() const { return sent_; }

 private:
  // The packet that was, or is to be, the `number`th one sent.
  Bytes write(std::uint64_t number);

  TrackLoop* loop_;
  Config config_;
  Instant start_;
  std::size_t burst_ = 0;
  int round_ = 0;
  std::uint64_t sent_ = 0;
  std::uint32_t octets_ = 0;
  std::uint16_t rtx_sequence_ = 0;
  ByteVector rtx_;
};

}  // namespace holdfast::bench

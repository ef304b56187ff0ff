#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/strong.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/send_history.hpp"

namespace holdfast::rtp {

// One source that we publish: numbers its packets, answers NACKs, states its sender report. Sans-IO, one
// thread.
class SendStream {
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
    std::size_t history = 512;  // as SendHistory
  };

  explicit SendStream(const Config& config);

  // The next packet, plain; valid until the next call. `timestamp` in units of the clock rate.
  Bytes packetize(Bytes payload, std::uint32_t timestamp, bool marker);
  // The packet to send again for one sequence number of a NACK, valid until the next call; nothing when it is
  // no longer kept.
  std::optional<Bytes> resend(std::uint16_t sequence);
  // For a report at this instant: the wall clock (NTP, 32.32) and the media clock.
  SenderInfo sender_info(std::uint64_t ntp, std::uint32_t rtp_timestamp) const;

  Ssrc ssrc() const { return config_.ssrc; }

 private:
  const Config config_;
  SendHistory history_;
  ByteVector buffer_;
  std::uint16_t sequence_;
  std::uint16_t rtx_sequence_ = 0;
  std::uint32_t packets_ = 0;
  std::uint32_t octets_ = 0;
};

}  // namespace holdfast::rtp

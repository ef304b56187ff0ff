#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/strong.hpp"
#include "base/time.hpp"
#include "rtp/rtcp.hpp"

namespace holdfast::rtp {

// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): tells a
// sender that estimates the path's bandwidth when each of its packets came. Every packet of the connection,
// whatever its SSRC, bears a number of one sequence in a header extension. Sans-IO, one thread; at most
// max_packets entries.
class TransportFeedback {
 public:
  static constexpr Duration interval = std::chrono::milliseconds(100);
  static constexpr std::size_t max_packets = 400;

  // A packet with that number came. One that is older than what was reported already is ignored.
  void handle_packet(std::uint16_t sequence, Instant arrival);

  // When append() has something to say; `never` while nothing came.
  Instant deadline() const { return due_; }
  // If it is due: one message, at most 1,100 bytes. `media`: an SSRC that the sender sends.
  void append(Instant now, Ssrc media, RtcpBuilder& out);

 private:
  static constexpr Instant missing{};

  bool started_ = false;
  std::int64_t base_ = 0;          // the number of the first entry
  std::vector<Instant> arrivals_;  // by number from base_; `missing` where none came
  std::uint8_t count_ = 0;         // of messages
  Instant due_ = never;
  ByteVector body_;
};

}  // namespace holdfast::rtp

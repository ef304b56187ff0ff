#pragma once

#include <cstdint>
#include <optional>

#include "base/strong.hpp"
#include "base/time.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/sequence.hpp"

namespace holdfast::rtp {

// The reception statistics of one source, as its receiver reports state them (RFC 3550 section 6.4.1, A.3,
// A.8). Counts what came over its own SSRC: resends by RTX are another source's (RFC 4588 section 4), so a
// report shows the network's loss, not what was repaired.
class Reception {
 public:
  // `clock_rate` in Hz, > 0.
  explicit Reception(std::uint32_t clock_rate) : clock_rate_(clock_rate) {}

  // Begins, or begins anew, with the first packet's sequence number.
  void restart(std::int64_t sequence);
  // Any packet, also a duplicate or late one.
  void handle_packet(std::int64_t sequence, std::uint32_t timestamp, Instant arrival);
  void handle_sender_report(const SenderInfo& info, Instant arrival);

  // The block for now; begins the next interval of `fraction_lost`.
  ReportBlock report(Ssrc source, Instant now);
  // Interarrival jitter in units of the clock rate.
  std::uint32_t jitter() const { return jitter_16_ >> 4; }

 private:
  struct LastReport {
    std::uint32_t middle_ntp;
    Instant arrival;
  };

  std::uint32_t clock_rate_;
  std::int64_t first_ = 0;
  std::int64_t highest_ = 0;
  std::int64_t received_ = 0;
  std::int64_t expected_prior_ = 0;
  std::int64_t received_prior_ = 0;
  Instant last_arrival_;
  std::uint32_t last_timestamp_ = 0;
  std::uint32_t jitter_16_ = 0;  // times 16
  std::optional<LastReport> last_report_;
};

}  // namespace holdfast::rtp

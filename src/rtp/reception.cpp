#include "rtp/reception.hpp"

#include <algorithm>
#include <cstdlib>

namespace holdfast::rtp {
namespace {

using Seconds16 = std::chrono::duration<std::int64_t, std::ratio<1, 65536>>;

}  // namespace

void Reception::restart(std::int64_t sequence) {
  first_ = sequence;
  highest_ = sequence - 1;
  received_ = expected_prior_ = received_prior_ = 0;
  last_report_.reset();
}

void Reception::handle_packet(std::int64_t sequence, std::uint32_t timestamp, Instant arrival) {
  // From before the first packet: not expected, so it may not make up for one that is.
  if (sequence < first_) return;
  highest_ = std::max(highest_, sequence);
  if (received_++ > 0) {
    // RFC 3550 section A.8, by differences: how much more time passed here than at the sender. An outage is
    // no jitter.
    const Duration passed =
        std::clamp<Duration>(arrival - last_arrival_, -std::chrono::hours(1), std::chrono::hours(1));
    const std::int64_t ticks = passed.count() * clock_rate_ / 1'000'000'000;
    const std::int64_t difference = std::abs(ticks - distance(last_timestamp_, timestamp));
    if (difference < clock_rate_) {
      jitter_16_ += static_cast<std::uint32_t>(difference) - ((jitter_16_ + 8) >> 4);
    }
  }
  last_arrival_ = arrival;
  last_timestamp_ = timestamp;
}

void Reception::handle_sender_report(const SenderInfo& info, Instant arrival) {
  last_report_ = LastReport{static_cast<std::uint32_t>(info.ntp >> 16), arrival};
}

ReportBlock Reception::report(Ssrc source, Instant now) {
  // RFC 3550 section A.3. Duplicates make the loss negative, which counts as none.
  const std::int64_t expected = highest_ - first_ + 1;
  const std::int64_t expected_now = expected - expected_prior_;
  const std::int64_t lost_now = expected_now - (received_ - received_prior_);
  expected_prior_ = expected;
  received_prior_ = received_;

  ReportBlock block;
  block.source = source;
  if (expected_now > 0 && lost_now > 0) {
    block.fraction_lost =
        static_cast<std::uint8_t>(std::min<std::int64_t>(lost_now * 256 / expected_now, 255));
  }
  block.cumulative_lost =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(expected - received_, -0x80'0000, 0x7f'ffff));
  block.highest_sequence = static_cast<std::uint32_t>(highest_);
  block.jitter = jitter();
  if (last_report_) {
    block.last_sender_report = last_report_->middle_ntp;
    const auto delay = std::chrono::duration_cast<Seconds16>(now - last_report_->arrival).count();
    block.delay_since_last_sr = static_cast<std::uint32_t>(std::clamp<std::int64_t>(delay, 0, UINT32_MAX));
  }
  return block;
}

}  // namespace holdfast::rtp

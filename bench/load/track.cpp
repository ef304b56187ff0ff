#include "load/track.hpp"

#include "rtp/packet.hpp"
#include "rtp/send_history.hpp"
#include "rtp/sequence.hpp"

namespace holdfast::bench {
namespace {

// From the NTP era's start (1900) to the Unix epoch, in seconds. RFC 5905 section 6.
constexpr std::uint64_t ntp_unix_offset = 2'208'988'800;

std::uint64_t to_ntp(WallTime wall) {
  const auto since = wall.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto fraction = static_cast<std::uint64_t>((since - seconds).count());
  return (static_cast<std::uint64_t>(seconds.count()) + ntp_unix_offset) << 32 |
         (fraction << 32) / 1'000'000'000;
}

}  // namespace

Bytes Track::write(std::uint64_t number) {
  const auto packets = loop_->packets();
  const TrackLoop::Packet& packet = packets[number % packets.size()];
  const auto rounds = static_cast<std::uint32_t>(number / packets.size());
  rtp::Packet header;
  header.payload_type = config_.payload_type;
  header.marker = packet.marker;
  header.sequence = static_cast<std::uint16_t>(config_.first_sequence + number);
  header.timestamp = config_.first_timestamp + rounds * loop_->units() + packet.timestamp;
  header.ssrc = config_.ssrc;
  const MutableBytes bytes = loop_->bytes(packet);
  rtp::serialize_header(header, bytes);
  return bytes;
}

std::optional<Bytes> Track::resend(std::uint16_t sequence) {
  const auto next = static_cast<std::uint16_t>(config_.first_sequence + sent_);
  const int age = rtp::distance(sequence, next);
  if (age < 1 || static_cast<std::uint32_t>(age) > config_.history ||
      static_cast<std::uint64_t>(age) > sent_) {
    return std::nullopt;
  }
  const Bytes original = write(sent_ - static_cast<std::uint64_t>(age));
  if (!config_.rtx) return original;
  rtx_.clear();
  rtp::append_rtx(original, config_.rtx->ssrc, config_.rtx->payload_type, rtx_sequence_++, rtx_);
  return rtx_;
}

rtp::SenderInfo Track::report(const Now& now) const {
  const auto since = to_microseconds(now.instant - start_);
  const auto units = static_cast<std::uint32_t>(since * loop_->clock_rate() / 1'000'000);
  return {.ntp = to_ntp(now.wall),
          .rtp_timestamp = config_.first_timestamp + units,
          .packets = static_cast<std::uint32_t>(sent_),
          .octets = octets_};
}

}  // namespace holdfast::bench

#include "rtp/send_stream.hpp"

#include "rtp/packet.hpp"

namespace holdfast::rtp {

SendStream::SendStream(const Config& config)
    : config_(config), history_(config.history), sequence_(config.first_sequence) {}

Bytes SendStream::packetize(Bytes payload, std::uint32_t timestamp, bool marker) {
  buffer_.resize(header_size);
  Packet header;
  header.payload_type = config_.payload_type;
  header.marker = marker;
  header.sequence = sequence_++;
  header.timestamp = timestamp;
  header.ssrc = config_.ssrc;
  serialize_header(header, buffer_);
  buffer_.insert(buffer_.end(), payload.begin(), payload.end());
  history_.store(buffer_);
  ++packets_;
  octets_ += static_cast<std::uint32_t>(payload.size());
  return buffer_;
}

std::optional<Bytes> SendStream::resend(std::uint16_t sequence) {
  const std::optional<Bytes> original = history_.find(sequence);
  if (!original || !config_.rtx) return original;
  buffer_.clear();
  append_rtx(*original, config_.rtx->ssrc, config_.rtx->payload_type, rtx_sequence_++, buffer_);
  return buffer_;
}

SenderInfo SendStream::sender_info(std::uint64_t ntp, std::uint32_t rtp_timestamp) const {
  return {.ntp = ntp, .rtp_timestamp = rtp_timestamp, .packets = packets_, .octets = octets_};
}

}  // namespace holdfast::rtp

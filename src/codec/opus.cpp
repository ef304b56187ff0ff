#include "codec/opus.hpp"

#include <algorithm>

namespace holdfast::codec {
namespace {

constexpr int longest_packet = 5760;  // 120 ms, RFC 6716 section 3.2.5

// RFC 6716 table 2: samples at 48 kHz of one frame.
constexpr int frame_samples(int configuration) {
  if (configuration < 12) {  // SILK
    constexpr int silk[] = {480, 960, 1920, 2880};
    return silk[configuration % 4];
  }
  if (configuration < 16) return configuration % 2 == 0 ? 480 : 960;  // hybrid
  return 120 << configuration % 4;                                    // CELT
}

}  // namespace

std::optional<OpusToc> OpusToc::parse(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  // RFC 6716 section 3.2: one frame, two, or as many as the next byte says.
  int frames = 1;
  switch (packet[0] & 3) {
    case 0:
      break;
    case 3:
      if (packet.size() < 2) return std::nullopt;
      frames = packet[1] & 0x3f;
      break;
    default:
      frames = 2;
  }
  const int samples = frames * frame_samples(packet[0] >> 3);
  if (samples == 0 || samples > longest_packet) return std::nullopt;
  return OpusToc{samples, packet[0] & 4 ? 2 : 1};
}

bool is_opus_padded_silence(Bytes packet) {
  return std::ranges::equal(packet, opus_padded_silence);
}

OpusDepacketizer::OpusDepacketizer() {
  format_.codec = media::Codec::opus;
  format_.sample_rate = opus_sample_rate;
}

void OpusDepacketizer::push(const RtpPayload& payload, FrameSink& sink) {
  if (payload.payload.empty()) return sink.discard(Discard::empty, 1);
  const std::optional<OpusToc> toc = OpusToc::parse(payload.payload);
  if (!toc) return sink.discard(Discard::malformed, 1);
  format_.channels = std::max(format_.channels, toc->channels);
  sink.frame({.time = payload.time,
              .picture = media::Picture::key,
              .packets = 1,
              .samples = toc->samples,
              .channels = toc->channels,
              .payload = payload.payload});
}

void OpusPacketizer::packetize(Bytes frame, PayloadSink& sink) {
  if (!frame.empty()) sink.payload(frame, Last::yes);
}

}  // namespace holdfast::codec

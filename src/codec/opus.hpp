#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "codec/depacketizer.hpp"
#include "codec/packetizer.hpp"

namespace holdfast::codec {

inline constexpr int opus_sample_rate = 48'000;  // of the RTP clock, always (RFC 7587 section 4.1)

// What the first bytes of an Opus packet say (RFC 6716 section 3).
struct OpusToc {
  int samples = 0;   // per channel at 48 kHz, of the whole packet: 120..5,760
  int channels = 1;  // 1 or 2, as coded

  // Nothing for an empty packet, no frames or more than 120 ms.
  static std::optional<OpusToc> parse(Bytes packet);
};

// Whether the encoder had nothing to say (DTX): no frame longer than a byte (RFC 6716 section 3.1).
constexpr bool is_opus_dtx(Bytes packet) {
  return packet.size() <= 2;
}

// 20 ms of silence, mono, that every decoder takes (CELT full band).
inline constexpr std::array<std::uint8_t, 3> opus_silence = {0xf8, 0xff, 0xfe};
inline constexpr int opus_silence_samples = 960;

// The same as an encoder with a constant rate of 32 kb/s makes it: padded with zeros. LiveKit's server sends
// it when a track is muted (50 packets) or ends (10).
inline constexpr std::array<std::uint8_t, 80> opus_padded_silence = {0xf8, 0xff, 0xfe};
bool is_opus_padded_silence(Bytes packet);

// RFC 7587: one packet, one frame.
class OpusDepacketizer final : public Depacketizer {
 public:
  OpusDepacketizer();
  void push(const RtpPayload& payload, FrameSink& sink) override;
  void handle_loss(FrameSink&) override {}
  void flush(FrameSink&) override {}
  // `channels` is the largest count seen: a decoder set up for two takes both.
  const media::TrackFormat& format() const override { return format_; }

 private:
  media::TrackFormat format_;
};

class OpusPacketizer final : public Packetizer {
 public:
  void packetize(Bytes frame, PayloadSink& sink) override;
};

}  // namespace holdfast::codec

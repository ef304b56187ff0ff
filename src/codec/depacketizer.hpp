#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "media/frame.hpp"

namespace holdfast::codec {

// The part of an RTP packet that a payload format looks at. `payload` is without header, extensions and
// padding and is borrowed for the call. `time` is the RTP timestamp unwrapped to 64 bits by the receive
// stream.
struct RtpPayload {
  std::int64_t time = 0;
  bool marker = false;
  Bytes payload;
};

// A whole coded frame, still on its RTP clock. The payload is borrowed for the call.
struct CodedFrame {
  std::int64_t time = 0;  // RTP timestamp, unwrapped, in units of the payload format's clock rate
  media::Picture picture = media::Picture::delta;
  // Video: a frame was lost since the last key frame, so this one may not look right.
  media::Damage damage = media::Damage::none;
  std::uint32_t packets = 0;  // that carried it
  // Pixels, as the last parameter set or key frame header said; 0 while unknown, and for audio.
  int width = 0;
  int height = 0;
  // Audio: samples per channel at 48 kHz that the packet lasts (Opus TOC); 0 for video.
  int samples = 0;
  int channels = 0;  // audio: as the packet itself says
  Bytes payload;     // as media::Frame::payload
};

// The blank pictures that LiveKit ends a video track with when it is unsubscribed: 2x2 (H.264) or 8x8 (VP8).
// Written, they would end the recording with a change of resolution.
constexpr bool is_blank_tail(const CodedFrame& frame) {
  return frame.width > 0 && frame.width <= 8 && frame.height > 0 && frame.height <= 8;
}

// Why packets that did arrive came to nothing.
enum class Discard : std::uint8_t {
  incomplete,    // a packet of the same frame was lost
  no_key_frame,  // before the first key frame of the track
  malformed,     // broken payload
  empty,         // padding, or a packet that only carries parameters which came to nothing
};

// Takes what a depacketizer makes. Every packet pushed is accounted for exactly once: in frame() or in
// discard().
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  virtual void frame(const CodedFrame& frame) = 0;
  virtual void discard(Discard why, std::uint32_t packets) = 0;
};

// Turns one track's RTP payloads, in sequence order and without duplicates, into coded frames. A frame is
// complete at its marker, or when the next timestamp begins. Never gives an incomplete frame. Sans-IO, one
// thread. Memory: one frame, at most `max_frame_bytes`; a larger one is discarded as malformed.
class Depacketizer {
 public:
  static constexpr std::size_t max_frame_bytes = 8 << 20;

  virtual ~Depacketizer() = default;
  virtual void push(const RtpPayload& payload, FrameSink& sink) = 0;
  // One or more packets are missing here, for good: what was begun is incomplete, and so is what continues
  // it.
  virtual void handle_loss(FrameSink& sink) = 0;
  // The stream ended: gives what is whole, discards the rest.
  virtual void flush(FrameSink& sink) = 0;
  // What the container must know; the frames delivered so far have filled it in.
  virtual const media::TrackFormat& format() const = 0;
};

std::unique_ptr<Depacketizer> make_depacketizer(media::Codec codec);

}  // namespace holdfast::codec

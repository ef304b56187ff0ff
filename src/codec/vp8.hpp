#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "codec/depacketizer.hpp"
#include "codec/frame_memory.hpp"
#include "codec/packetizer.hpp"

namespace holdfast::codec {

// What the first bytes of a VP8 frame say (RFC 6386 section 9.1).
struct Vp8Header {
  media::Picture picture = media::Picture::delta;
  int width = 0;  // key frames only
  int height = 0;

  static std::optional<Vp8Header> parse(Bytes frame);
};

// The payload descriptor before each packet's part of a frame (RFC 7741 section 4.2), as far as it cuts the
// stream into frames.
struct Vp8Descriptor {
  bool starts_frame = false;  // S = 1 and PID = 0
  Bytes part;                 // what follows it, never empty

  static std::optional<Vp8Descriptor> parse(Bytes payload);
};

// RFC 7741. A frame without its first packet is known by the S bit, so a loss between frames costs none.
class Vp8Depacketizer final : public Depacketizer {
 public:
  Vp8Depacketizer();
  void push(const RtpPayload& payload, FrameSink& sink) override;
  void handle_loss(FrameSink& sink) override;
  void flush(FrameSink& sink) override;
  const media::TrackFormat& format() const override { return format_; }

 private:
  void finish(FrameSink& sink);
  void emit(const Vp8Header& header, FrameSink& sink);

  media::TrackFormat format_;
  FrameMemory memory_;
  ByteVector frame_;               // of the frame that is begun
  std::int64_t time_ = 0;          // its timestamp
  std::uint32_t packets_ = 0;      // it has so far; 0: none is begun
  std::optional<Discard> broken_;  // why it will not come out
  media::Damage damage_ = media::Damage::none;
};

// With a 15-bit PictureID, as servers that renumber pictures want it.
class Vp8Packetizer final : public Packetizer {
 public:
  explicit Vp8Packetizer(std::size_t max_payload) : max_payload_(max_payload) {}
  void packetize(Bytes frame, PayloadSink& sink) override;

 private:
  std::size_t max_payload_;
  std::uint16_t picture_id_ = 0;
  ByteVector buffer_;
};

}  // namespace holdfast::codec

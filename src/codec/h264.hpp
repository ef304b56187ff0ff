#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "codec/depacketizer.hpp"
#include "codec/frame_memory.hpp"
#include "codec/h264_bitstream.hpp"
#include "codec/packetizer.hpp"

namespace holdfast::codec {

// The parameter sets a stream sent last, by id. Bounded: 32 + 256 of at most max_bytes.
class H264ParameterSets {
 public:
  static constexpr std::size_t max_bytes = 1024;

  // Keeps an SPS or PPS with its header byte; false for a broken one.
  bool store(Bytes nal);
  struct Active {
    Sps sps;
    ByteVector config;  // Annex B: the SPS and every PPS that refers to it
  };
  // What a slice with this pps_id needs, or nothing when it was never seen.
  std::optional<Active> activate(std::uint8_t pps_id) const;

 private:
  struct StoredPps {
    std::uint8_t sps_id;
    ByteVector nal;
  };
  std::map<std::uint8_t, ByteVector> sps_;
  std::map<std::uint8_t, StoredPps> pps_;
};

// RFC 6184, whatever the payload type's packetization mode says: single NAL units, STAP-A and FU-A; of the
// interleaved mode STAP-B, MTAP and FU-B as long as they are in decoding order and of one timestamp.
//
// A key frame has an IDR slice; or a recovery point SEI, an SPS and an I slice (encoders that never send
// IDR). One that lacks parameter sets gets the latest put before it, after its access unit delimiter. All
// else stays as it came.
//
// After a loss between frames the next is taken for whole if its first slice is that of macroblock 0, it
// begins with an access unit delimiter where the frame before did, and, being a key frame, has its own SPS:
// what was lost may have been a new one.
class H264Depacketizer final : public Depacketizer {
 public:
  H264Depacketizer();
  void push(const RtpPayload& payload, FrameSink& sink) override;
  void handle_loss(FrameSink& sink) override;
  void flush(FrameSink& sink) override;
  const media::TrackFormat& format() const override { return format_; }

 private:
  // The access unit that is begun.
  struct Unit {
    ByteVector bytes;  // Annex B
    std::int64_t time = 0;
    std::uint32_t packets = 0;  // 0: none is begun
    std::optional<Discard> broken;
    bool follows_loss = false;
    bool fragment_open = false;        // an FU without its end
    std::size_t fragment_at = 0;       // where its NAL unit begins
    std::size_t after_delimiter = 0;   // where parameter sets may be put
    std::optional<SliceHeader> slice;  // of the first slice
    bool has_idr = false;
    bool has_sps = false;
    bool has_pps = false;
    bool has_recovery_point = false;
  };

  void begin(std::int64_t time);
  void finish(FrameSink& sink);
  std::optional<Discard> judge();
  bool lacks_start() const;
  std::optional<Discard> judge_key_frame();
  void emit(FrameSink& sink);
  media::Picture picture() const;

  void add_payload(Bytes payload);
  void add_aggregate(Bytes units, std::size_t offset_bytes);
  void add_fragment(Bytes payload, std::size_t header_bytes);
  void add_nal(Bytes nal);
  void inspect(Bytes nal);
  void append(Bytes bytes);
  void mark_broken(Discard why);

  media::TrackFormat format_;
  H264ParameterSets parameter_sets_;
  Unit unit_;
  FrameMemory memory_;
  bool lost_before_ = true;  // packets may be missing right before the next one
  bool had_key_frame_ = false;
  bool uses_delimiters_ = false;  // the last frame began with one
  media::Damage damage_ = media::Damage::none;
};

// RFC 6184 mode 1: small NAL units that follow each other as STAP-A, large ones as FU-A, the rest bare.
class H264Packetizer final : public Packetizer {
 public:
  explicit H264Packetizer(std::size_t max_payload) : max_payload_(max_payload) {}
  void packetize(Bytes frame, PayloadSink& sink) override;

 private:
  void send_fragments(Bytes nal, Last last, PayloadSink& sink);
  void send_aggregate(std::span<const Bytes> nals, Last last, PayloadSink& sink);
  std::size_t count_aggregate(std::span<const Bytes> nals) const;

  std::size_t max_payload_;
  std::vector<Bytes> nals_;  // of the frame at hand
  ByteVector buffer_;
};

}  // namespace holdfast::codec

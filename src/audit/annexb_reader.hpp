#pragma once

#include <functional>
#include <optional>

#include "base/bytes.hpp"
#include "codec/h264_bitstream.hpp"
#include "media/frame.hpp"

namespace holdfast::audit {

// Cuts a raw H.264 stream (ITU-T H.264 Annex B) that comes in pieces into access units (section 7.4.1.2.3).
// One thread. Keeps one access unit; one of more than `max_unit` bytes is left out.
class AnnexBReader {
 public:
  static constexpr std::size_t max_unit = 32 << 20;

  struct AccessUnit {
    Bytes bytes{};  // with start codes of four bytes
    media::Picture picture = media::Picture::delta;
    bool is_bidirectional = false;  // has a B slice: shown before what is decoded before it
  };
  using Take = std::function<void(const AccessUnit& unit)>;
  explicit AnnexBReader(Take take) : take_(std::move(take)) {}

  void feed(Bytes bytes);
  void finish();

  // The last one that could be read.
  const std::optional<codec::Sps>& sps() const { return sps_; }
  // SPS and PPS as media::TrackFormat::config has them, the first of each.
  ByteVector parameter_sets() const;
  // Bytes of units that cannot be.
  std::uint64_t left_out() const { return left_out_; }

 private:
  void take_nal(Bytes nal);
  void end_unit();

  Take take_;
  ByteVector rest_;  // from a start code on, or what may be the beginning of one
  bool in_nal_ = false;
  std::size_t searched_ = 0;  // of rest_
  ByteVector unit_;
  bool has_slice_ = false;
  bool has_idr_ = false;
  bool is_bidirectional_ = false;
  std::optional<codec::Sps> sps_;
  ByteVector sps_nal_;
  ByteVector pps_nal_;
  std::uint64_t left_out_ = 0;
};

}  // namespace holdfast::audit

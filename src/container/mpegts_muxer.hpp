#pragma once

#include <vector>

#include "container/muxer.hpp"
#include "container/ts_packet.hpp"

namespace holdfast::container {

// Writes MPEG-TS (ISO/IEC 13818-1) that plays up to its last whole frame at every instant: each frame is one
// PES packet in 188-byte packets of its own, complete when write() returns.
//
// The clock reference (PCR) runs on the video's PID, or the audio's where there is no video. It follows the
// track that is furthest behind, so that a frame which was waited for still comes before its time, but never
// more than `patience` behind the present. From one reference to the next pass at most 40 ms, whatever the
// frames do; from one pair of tables (PAT, PMT) to the next at most 100 ms, and every key frame has its own.
// When nothing at all came for `gap`, not even advance(), the clock goes on from the new time with the
// discontinuity mark.
//
// One thread. Allocates nothing per frame but what `out` needs to grow.
class MpegTsMuxer final : public Muxer {
 public:
  static constexpr media::Ticks pcr_interval = media::ticks_per_second * 40 / 1000;
  static constexpr media::Ticks table_interval = media::ticks_per_second * 100 / 1000;
  // From the clock reference to the DTS of what follows: time for the bytes of a large key frame.
  static constexpr media::Ticks lead = media::ticks_per_second / 2;
  // For how long a track may hold the clock back: the recovery window and some.
  static constexpr media::Ticks patience = 2 * media::ticks_per_second;
  static constexpr media::Ticks gap = 3 * media::ticks_per_second;
  static constexpr std::size_t max_tracks = 8;

  // H.264, AAC (`config` holds an AudioSpecificConfig of AAC Main, LC, SSR or LTP) and Opus, which is always
  // declared as stereo: a decoder set up for two channels takes both. Errors: invalid, unsupported.
  static Result<std::unique_ptr<MpegTsMuxer>> create(const std::vector<media::TrackFormat>& tracks);

  Result<void> write(const media::Frame& frame, ByteVector& out) override;
  Result<void> advance(media::Ticks now, ByteVector& out) override;
  // Parameter sets and sizes go on, since they travel in the stream; another codec does not.
  bool can_continue(media::TrackIndex track, const media::TrackFormat& format) const override;
  Result<void> finish(ByteVector& out) override;
  // The counters of every PID go on, and with the same tracks the clock.
  Result<std::unique_ptr<Muxer>> make_next(const std::vector<media::TrackFormat>& tracks) const override;

 private:
  struct Track {
    media::TrackFormat format;
    ts::PacketWriter packets;
    media::Ticks reached;  // DTS of the last frame, or where the clock (re)started
  };

  explicit MpegTsMuxer(const std::vector<media::TrackFormat>& tracks);

  // Starts the clock, or starts it anew after a gap.
  void notice_gap(media::Ticks present, ByteVector& out);
  // Media time has come to `present`: writes the references and tables due on the way to where the clock
  // belongs now.
  void run_clock(media::Ticks present, ByteVector& out);
  media::Ticks clock_target() const;
  void write_tables(media::Ticks at, ByteVector& out);
  void write_pcr(media::Ticks at, ts::Discontinuity discontinuity, ByteVector& out);

  std::vector<Track> tracks_;
  media::TrackIndex clock_track_ = 0;  // whose PID carries the PCR
  ts::PacketWriter pat_packets_;
  ts::PacketWriter pmt_packets_;
  ByteVector pat_;
  ByteVector pmt_;

  bool started_ = false;         // by the first frame
  bool tables_due_now_ = false;  // at the start of a part that goes on with the clock of another
  media::Ticks present_ = 0;     // the latest time heard of
  media::Ticks clock_ = 0;       // where the next packet lies; never goes back
  media::Ticks pcr_ = 0;         // the last reference written
  media::Ticks tables_at_ = 0;   // clock_ at the last tables

  ByteVector before_;  // what goes before the payload of the frame being written: PES header first
};

}  // namespace holdfast::container

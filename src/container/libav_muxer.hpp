#pragma once

#include <optional>
#include <vector>

#include "container/av.hpp"
#include "container/muxer.hpp"

namespace holdfast::container {

// Matroska and fragmented MP4 by libavformat, writing to memory only and never back.
//
// Matroska: each frame is in a cluster of its own, out when write() returns. MP4: a fragment every `fragment`
// of media time, whether or not key frames come; a file without an index at its end, for that would grow with
// the recording.
//
// Times are the recording's own, also in its later parts. One thread. libavformat allocates per frame.
class LibavMuxer final : public Muxer {
 public:
  static constexpr media::Ticks fragment = media::ticks_per_second / 2;

  // `format` mp4 or mkv; formats that can_hold(). Errors: invalid (a format lacks what the container must
  // know), internal.
  static Result<std::unique_ptr<LibavMuxer>> create(Format format,
                                                    const std::vector<media::TrackFormat>& tracks);
  ~LibavMuxer() override;

  Result<void> write(const media::Frame& frame, ByteVector& out) override;
  Result<void> advance(media::Ticks now, ByteVector& out) override;
  // Only what the header does not name: VP8 may change its size in Matroska.
  bool can_continue(media::TrackIndex track, const media::TrackFormat& format) const override;
  Result<void> finish(ByteVector& out) override;
  Result<std::unique_ptr<Muxer>> make_next(const std::vector<media::TrackFormat>& tracks) const override;

 private:
  struct Track {
    media::TrackFormat format;
    std::optional<media::Ticks> last_dts{};
    std::optional<std::int64_t> last_written_dts{};  // in the container's own time base
    media::Ticks usual_duration = media::ticks_per_second / 30;
  };

  LibavMuxer(Format format, const std::vector<media::TrackFormat>& tracks);

  Result<void> open();
  Result<void> add_track(const media::TrackFormat& format);
  media::Ticks duration_of(const media::Frame& frame);
  // Hands `packet_` to libavformat.
  Result<void> submit();
  // Closes the cluster or fragment that is begun, and fetches it.
  Result<void> flush(ByteVector& out);
  // Moves what libavformat wrote to `out`.
  Result<void> fetch(ByteVector& out);
  Result<void> check(int code, const char* doing) const;

  Format format_;
  std::vector<Track> tracks_;
  av::OutputContext context_;
  av::Packet packet_;
  ByteVector written_;                          // by libavformat, not yet fetched
  std::optional<media::Ticks> fragment_begin_;  // MP4: of the open fragment
};

}  // namespace holdfast::container

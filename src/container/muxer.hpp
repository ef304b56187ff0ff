#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/frame.hpp"

namespace holdfast::container {

enum class Format : std::uint8_t { mpegts, mp4, mkv };

// "mpegts", "mp4", "mkv"; parse also takes "ts" and "matroska".
std::string_view to_string(Format format);
std::optional<Format> parse_format(std::string_view name);
// "ts", "mp4", "mkv".
std::string_view file_extension(Format format);
// The codecs that go into the format untouched and play there.
std::span<const media::Codec> codecs_of(Format format);
bool can_hold(Format format, media::Codec codec);

// Frames in, bytes out: one part of a recording. Only ever appends; the bytes so far are playable up to the
// last whole frame (for MP4: up to the last fragment). One thread; no clock: time comes with the frames.
class Muxer {
 public:
  virtual ~Muxer() = default;
  // Appends the frame's bytes to `out`, with whatever tables or clock references are due. Frames of one track
  // come in rising dts; tracks may interleave loosely (up to the recovery window apart).
  virtual Result<void> write(const media::Frame& frame, ByteVector& out) = 0;
  // Media time passes though no frame came: keeps PAT/PMT, PCR or clusters going. `now` never goes back.
  virtual Result<void> advance(media::Ticks now, ByteVector& out) = 0;
  // Whether a track's new format (another resolution, parameter set, codec) can go on in this part.
  virtual bool can_continue(media::TrackIndex track, const media::TrackFormat& format) const = 0;
  // The end of the part. Nothing may be written after it.
  virtual Result<void> finish(ByteVector& out) = 0;
  // For the part that follows, of the same format; where the format allows it (MPEG-TS) both also play as one
  // file when they are joined. Errors: as make_muxer().
  virtual Result<std::unique_ptr<Muxer>> make_next(const std::vector<media::TrackFormat>& tracks) const = 0;
};

// `tracks` in TrackIndex order; video formats must have their size, and for mp4/mkv their parameter sets.
Result<std::unique_ptr<Muxer>> make_muxer(Format format, const std::vector<media::TrackFormat>& tracks);

}  // namespace holdfast::container

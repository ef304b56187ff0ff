#include <fmt/format.h>

#include "audit/annexb_reader.hpp"
#include "audit/repair_job.hpp"

namespace holdfast::audit {

using media::Ticks;

Result<void> RepairJob::mux_raw() {
  // Once for what the muxer must know before the first frame.
  std::uint64_t units = 0, bidirectional = 0;
  AnnexBReader scout([&](const AnnexBReader::AccessUnit& unit) {
    ++units;
    if (unit.is_bidirectional) ++bidirectional;
  });
  auto looked = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
    scout.feed(bytes);
    return {};
  });
  if (!looked) return looked;
  scout.finish();
  const ByteVector parameter_sets = scout.parameter_sets();
  if (parameter_sets.empty() || units == 0) {
    return fail(ErrorCode::invalid,
                "{}: no picture, or no parameter sets (SPS, PPS), which are needed to decode pictures",
                options_.input);
  }
  if (bidirectional > 0) {
    return fail(ErrorCode::unsupported,
                "{} has B-frames, whose display order differs from the stored order, and raw H.264 has no "
                "timestamps: convert it with ffmpeg -r RATE -i {} OUT.mp4",
                options_.input, options_.input);
  }
  const FrameRate rate = rate_of(*scout.sps());
  auto muxer = container::make_muxer(container::Format::mpegts,
                                     {media::TrackFormat{media::Codec::h264, scout.sps()->width,
                                                         scout.sps()->height, 0, 0, parameter_sets}});
  if (!muxer) return std::unexpected(muxer.error());
  return mux_units(**muxer, rate);
}

FrameRate RepairJob::rate_of(const codec::Sps& sps) {
  FrameRate rate;
  const char* source = "assumed, because neither the stream nor --fps sets it";
  if (options_.frame_rate) {
    rate = *options_.frame_rate;
    source = "from --fps";
  } else if (sps.units_in_tick > 0 && sps.time_scale > 0) {
    // Two ticks a frame (ITU-T H.264 section E.2.1).
    const double frames = static_cast<double>(sps.time_scale) / (2.0 * sps.units_in_tick);
    if (frames >= 1 && frames <= 240 && sps.units_in_tick <= 1U << 30) {
      rate = {sps.time_scale, 2 * sps.units_in_tick};
      source = "from the stream's SPS";
    }
  }
  report_.remarks.push_back(
      fmt::format("{:.3f} frames per second, {}", static_cast<double>(rate.frames) / rate.seconds, source));
  return rate;
}

Result<void> RepairJob::mux_units(container::Muxer& muxer, FrameRate rate) {
  std::uint64_t number = 0;
  ByteVector out;
  Result<void> muxed;
  bool has_key = false;
  std::uint64_t before_key = 0;
  AnnexBReader reader([&](const AnnexBReader::AccessUnit& unit) {
    has_key |= unit.picture == media::Picture::key;
    if (!muxed || !has_key) {
      before_key += has_key ? 0 : unit.bytes.size();
      return;
    }
    media::Frame frame;
    frame.codec = media::Codec::h264;
    // The ticks of whole seconds and of the rest apart: no product becomes too large.
    const std::uint64_t units = number++ * rate.seconds;
    frame.pts = frame.dts = media::ticks_per_second +
                            static_cast<Ticks>(units / rate.frames * media::ticks_per_second +
                                               units % rate.frames * media::ticks_per_second / rate.frames);
    frame.picture = unit.picture;
    frame.payload = unit.bytes;
    muxed = muxer.write(frame, out);
  });
  auto read = each_piece(0, report_.input_bytes, [&](Bytes bytes) -> Result<void> {
    reader.feed(bytes);
    if (!muxed) return muxed;
    auto written = output_->append(out);
    out.clear();
    return written;
  });
  if (!read) return read;
  reader.finish();
  if (!muxed) return muxed;
  if (auto ended = muxer.finish(out); !ended) return ended;
  if (before_key > 0) {
    report_.remarks.push_back(fmt::format("left out {} bytes before the first key frame", before_key));
  }
  if (reader.left_out() > 0) {
    report_.remarks.push_back(fmt::format("left out {} bytes that belong to no picture", reader.left_out()));
  }
  report_.left_out_bytes = before_key + reader.left_out();
  return output_->append(out);
}

}  // namespace holdfast::audit

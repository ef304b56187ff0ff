#include "container/libav_muxer.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "codec/h264_bitstream.hpp"

namespace holdfast::container {
namespace {

using media::Codec;
using media::Ticks;

constexpr AVRational tick = {1, static_cast<int>(media::ticks_per_second)};
constexpr int buffer_size = 16 << 10;

AVCodecID codec_id(Codec codec) {
  switch (codec) {
    case Codec::h264:
      return AV_CODEC_ID_H264;
    case Codec::vp8:
      return AV_CODEC_ID_VP8;
    case Codec::opus:
      return AV_CODEC_ID_OPUS;
    case Codec::aac:
      return AV_CODEC_ID_AAC;
  }
  std::unreachable();
}

// The identification header of RFC 7845 section 5.1, for two channels: a decoder set up for two takes one as
// well. No pre-skip: the stream was joined while it ran. Little-endian, unlike all else here.
constexpr std::array<std::uint8_t, 19> opus_head = {'O', 'p', 'u',  's',  'H', 'e', 'a', 'd', 1, 2,
                                                    0,   0,   0x80, 0xbb, 0,   0,   0,   0,   0};

Bytes extradata(const media::TrackFormat& format) {
  return format.codec == Codec::opus ? Bytes(opus_head) : Bytes(format.config);
}

Result<void> check_format(Format container, const media::TrackFormat& format) {
  if (!can_hold(container, format.codec)) {
    return fail(ErrorCode::unsupported, "{} cannot store {}: record as mkv", to_string(container),
                media::to_string(format.codec));
  }
  if (format.kind() == media::Kind::video && (format.width <= 0 || format.height <= 0)) {
    return fail(ErrorCode::invalid, "{} needs to know the size of the {} track", to_string(container),
                media::to_string(format.codec));
  }
  if (format.codec == Codec::h264 && !codec::make_avc_record(format.config)) {
    return fail(ErrorCode::invalid, "{} needs the parameter sets of the h264 track", to_string(container));
  }
  if (format.codec == Codec::aac && format.config.size() < 2) {
    return fail(ErrorCode::invalid, "{} needs the AudioSpecificConfig of the aac track",
                to_string(container));
  }
  return {};
}

// FFmpeg 7 promises not to change what it hands over.
#if LIBAVFORMAT_VERSION_MAJOR >= 61
using WrittenBytes = const std::uint8_t*;
#else
using WrittenBytes = std::uint8_t*;
#endif

int append_to_vector(void* opaque, WrittenBytes bytes, int size) {
  ByteVector& written = *static_cast<ByteVector*>(opaque);
  written.insert(written.end(), bytes, bytes + size);
  return size;
}

}  // namespace

Result<std::unique_ptr<LibavMuxer>> LibavMuxer::create(Format format,
                                                       const std::vector<media::TrackFormat>& tracks) {
  if (tracks.empty()) return fail(ErrorCode::invalid, "{} needs at least one track", to_string(format));
  for (const media::TrackFormat& track : tracks) {
    if (auto checked = check_format(format, track); !checked) return std::unexpected(checked.error());
  }
  std::unique_ptr<LibavMuxer> muxer(new LibavMuxer(format, tracks));
  if (auto opened = muxer->open(); !opened) return std::unexpected(opened.error());
  return muxer;
}

LibavMuxer::LibavMuxer(Format format, const std::vector<media::TrackFormat>& tracks)
    : format_(format), packet_(av_packet_alloc()) {
  for (const media::TrackFormat& track : tracks) tracks_.push_back(Track{track, std::nullopt});
}

LibavMuxer::~LibavMuxer() {
  if (!context_ || context_->pb == nullptr) return;
  av_freep(static_cast<void*>(&context_->pb->buffer));
  avio_context_free(&context_->pb);
}

Result<void> LibavMuxer::open() {
  AVFormatContext* context = nullptr;
  const char* const name = format_ == Format::mkv ? "matroska" : "mp4";
  if (auto made = check(avformat_alloc_output_context2(&context, nullptr, name, nullptr), "set up"); !made) {
    return made;
  }
  context_.reset(context);
  auto* const buffer = static_cast<std::uint8_t*>(av_malloc(buffer_size));
  context->pb = avio_alloc_context(buffer, buffer_size, 1, &written_, nullptr, append_to_vector, nullptr);
  if (context->pb == nullptr || !packet_) return check(AVERROR(ENOMEM), "set up");
  context->pb->seekable = 0;
  context->flags |= AVFMT_FLAG_CUSTOM_IO;
  context->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
  for (const Track& track : tracks_) {
    if (auto added = add_track(track.format); !added) return added;
  }

  AVDictionary* options = nullptr;
  if (format_ == Format::mkv) {
    av_dict_set(&options, "live", "1", 0);
    av_dict_set(&options, "write_crc32", "0", 0);
  } else {
    av_dict_set(&options, "movflags", "frag_custom+empty_moov+default_base_moof+skip_trailer+frag_discont",
                0);
    av_dict_set(&options, "video_track_timescale", "90000", 0);
  }
  const int begun = avformat_write_header(context, &options);
  av_dict_free(&options);
  return check(begun, "begin");
}

Result<void> LibavMuxer::add_track(const media::TrackFormat& format) {
  AVStream* const stream = avformat_new_stream(context_.get(), nullptr);
  if (stream == nullptr) return check(AVERROR(ENOMEM), "set up");
  stream->time_base = tick;
  AVCodecParameters& parameters = *stream->codecpar;
  parameters.codec_id = codec_id(format.codec);
  if (format.kind() == media::Kind::video) {
    parameters.codec_type = AVMEDIA_TYPE_VIDEO;
    parameters.width = format.width;
    parameters.height = format.height;
  } else {
    parameters.codec_type = AVMEDIA_TYPE_AUDIO;
    parameters.sample_rate = format.sample_rate;
    av_channel_layout_default(&parameters.ch_layout, format.codec == Codec::opus ? 2 : format.channels);
    parameters.frame_size = format.codec == Codec::aac ? 1024 : 960;
  }
  const Bytes extra = extradata(format);
  if (extra.empty()) return {};
  parameters.extradata = static_cast<std::uint8_t*>(av_mallocz(extra.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  if (parameters.extradata == nullptr) return check(AVERROR(ENOMEM), "set up");
  std::memcpy(parameters.extradata, extra.data(), extra.size());
  parameters.extradata_size = static_cast<int>(extra.size());
  return {};
}

Result<void> LibavMuxer::write(const media::Frame& frame, ByteVector& out) {
  if (frame.track >= tracks_.size() || tracks_[frame.track].format.codec != frame.codec) {
    return fail(ErrorCode::internal, "got a {} frame for track {}, which has a different codec",
                media::to_string(frame.codec), frame.track);
  }
  if (format_ == Format::mp4) {
    if (fragment_begin_ && frame.dts - *fragment_begin_ >= fragment) {
      if (auto flushed = flush(out); !flushed) return flushed;
    }
    if (!fragment_begin_) fragment_begin_ = frame.dts;
  }

  const AVStream& stream = *context_->streams[frame.track];
  packet_->stream_index = frame.track;
  packet_->pts = av_rescale_q(frame.pts, tick, stream.time_base);
  packet_->dts = av_rescale_q(frame.dts, tick, stream.time_base);
  // Matroska counts in milliseconds: frames a tick apart would share one.
  auto& last = tracks_[frame.track].last_written_dts;
  if (last && packet_->dts <= *last) packet_->dts = *last + 1;
  packet_->pts = std::max(packet_->pts, packet_->dts);
  last = packet_->dts;
  packet_->duration = av_rescale_q(duration_of(frame), tick, stream.time_base);
  packet_->flags = frame.picture == media::Picture::key ? AV_PKT_FLAG_KEY : 0;
  // libavformat does not write into a packet's bytes, but its type cannot say so.
  packet_->data = const_cast<std::uint8_t*>(frame.payload.data());
  packet_->size = static_cast<int>(frame.payload.size());
  if (auto submitted = submit(); !submitted) return submitted;

  if (format_ == Format::mp4) return {};
  if (media::kind_of(frame.codec) == media::Kind::audio) {
    // libavformat's Matroska keeps an audio packet back until the next packet; an empty one lets it go.
    packet_->size = 0;
    if (auto submitted = submit(); !submitted) return submitted;
  }
  return flush(out);
}

Result<void> LibavMuxer::advance(Ticks now, ByteVector& out) {
  if (!fragment_begin_ || now - *fragment_begin_ < fragment) return {};
  return flush(out);
}

bool LibavMuxer::can_continue(media::TrackIndex track, const media::TrackFormat& format) const {
  const media::TrackFormat& now = tracks_[track].format;
  if (format.codec != now.codec) return false;
  switch (format.codec) {
    case Codec::opus:
      return true;
    case Codec::vp8:
      return format_ == Format::mkv;
    case Codec::h264:
    case Codec::aac:
      return format == now;
  }
  std::unreachable();
}

Result<std::unique_ptr<Muxer>> LibavMuxer::make_next(const std::vector<media::TrackFormat>& tracks) const {
  return create(format_, tracks);
}

Result<void> LibavMuxer::finish(ByteVector& out) {
  if (auto flushed = flush(out); !flushed) return flushed;
  if (auto ended = check(av_write_trailer(context_.get()), "end"); !ended) return ended;
  return fetch(out);
}

Ticks LibavMuxer::duration_of(const media::Frame& frame) {
  // Fragments name the duration of their last frame, which for video is not known yet: as long as the one
  // before.
  Track& track = tracks_[frame.track];
  if (frame.duration > 0) return frame.duration;
  if (track.last_dts) {
    track.usual_duration = std::clamp<Ticks>(frame.dts - *track.last_dts, 1, media::ticks_per_second);
  }
  track.last_dts = frame.dts;
  return track.usual_duration;
}

Result<void> LibavMuxer::submit() {
  return check(av_write_frame(context_.get(), packet_.get()), "write a frame to");
}

Result<void> LibavMuxer::flush(ByteVector& out) {
  if (auto flushed = check(av_write_frame(context_.get(), nullptr), "flush"); !flushed) return flushed;
  if (format_ == Format::mp4) {
    fragment_begin_.reset();
    // Else libavformat would put the next fragment where this one's durations end, and holes would vanish.
    if (auto marked = check(av_opt_set(context_->priv_data, "movflags", "+frag_discont", 0), "flush");
        !marked) {
      return marked;
    }
  }
  return fetch(out);
}

Result<void> LibavMuxer::fetch(ByteVector& out) {
  avio_flush(context_->pb);
  out.insert(out.end(), written_.begin(), written_.end());
  written_.clear();
  return {};
}

Result<void> LibavMuxer::check(int code, const char* doing) const {
  if (code >= 0) return {};
  return fail(ErrorCode::internal, "cannot {} the {} container: {}", doing, to_string(format_),
              av::describe(code));
}

}  // namespace holdfast::container

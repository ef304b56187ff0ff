extern "C" {
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <utility>

#include "publish/source.hpp"

namespace holdfast::publish {
namespace {

std::string describe(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

std::optional<media::Codec> codec_of(const AVStream& stream) {
  switch (stream.codecpar->codec_id) {
    case AV_CODEC_ID_H264:
      return media::Codec::h264;
    case AV_CODEC_ID_VP8:
      return media::Codec::vp8;
    case AV_CODEC_ID_OPUS:
      return media::Codec::opus;
    default:
      return std::nullopt;
  }
}

// Reads the H.264 or VP8 and the Opus of a media file, without decoding, over and over. One thread; blocking.
class FileSource final : public Source {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)), packet_(av_packet_alloc()) {}
  Result<void> open();

  std::optional<media::Codec> video() const override { return video_; }
  std::optional<media::Codec> audio() const override { return audio_; }

  // In the file's order. At the end it begins again, with time going on.
  Result<EncodedFrame> next(media::Picture, WallTime) override;

 private:
  Result<void> rewind();
  Result<void> unwrap_h264();

  struct CloseInput {
    void operator()(AVFormatContext* context) const;
  };
  struct FreeFilter {
    void operator()(AVBSFContext* context) const;
  };

  std::string path_;
  std::unique_ptr<AVFormatContext, CloseInput> context_;
  std::unique_ptr<AVBSFContext, FreeFilter> to_annex_b_;  // for H.264 only
  std::unique_ptr<AVPacket, AvDeleter> packet_;
  int video_index_ = -1;
  int audio_index_ = -1;
  std::optional<media::Codec> video_;
  std::optional<media::Codec> audio_;
  media::Ticks offset_ = 0;  // added to the file's times: all rounds before this one
  media::Ticks latest_ = 0;  // the end of the latest frame given
  bool empty_round_ = true;
};

void FileSource::CloseInput::operator()(AVFormatContext* context) const {
  avformat_close_input(&context);
}
void FileSource::FreeFilter::operator()(AVBSFContext* context) const {
  av_bsf_free(&context);
}

Result<void> FileSource::open() {
  AVFormatContext* context = nullptr;
  if (const int error = avformat_open_input(&context, path_.c_str(), nullptr, nullptr); error < 0) {
    return fail(ErrorCode::not_found, "cannot read {}: {}", path_, describe(error));
  }
  context_.reset(context);
  if (const int error = avformat_find_stream_info(context, nullptr); error < 0) {
    return fail(ErrorCode::unsupported, "cannot recognise the contents of {}: {}", path_, describe(error));
  }
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    const auto codec = codec_of(*context->streams[i]);
    if (!codec) continue;
    const bool video = media::kind_of(*codec) == media::Kind::video;
    auto& chosen = video ? video_ : audio_;
    if (chosen) continue;
    chosen = codec;
    (video ? video_index_ : audio_index_) = static_cast<int>(i);
  }
  if (!video_ && !audio_) {
    return fail(
        ErrorCode::unsupported,
        "{} has no H.264, VP8 or Opus; convert it with: ffmpeg -i {} -c:v libx264 -bf 0 -c:a libopus out.mkv",
        path_, path_);
  }
  if (video_ == media::Codec::h264) {
    return unwrap_h264();
  }
  return {};
}

// MP4 and Matroska keep NAL units behind lengths; RTP packetisation starts from Annex B.
Result<void> FileSource::unwrap_h264() {
  AVBSFContext* filter = nullptr;
  int error = av_bsf_alloc(av_bsf_get_by_name("h264_mp4toannexb"), &filter);
  to_annex_b_.reset(filter);
  if (error >= 0) {
    error = avcodec_parameters_copy(filter->par_in, context_->streams[video_index_]->codecpar);
    filter->time_base_in = context_->streams[video_index_]->time_base;
  }
  if (error >= 0) error = av_bsf_init(filter);
  if (error < 0)
    return fail(ErrorCode::unsupported, "cannot convert the H.264 of {} to Annex B: {}", path_,
                describe(error));
  return {};
}

Result<void> FileSource::rewind() {
  if (empty_round_) return fail(ErrorCode::io, "{} has no frames", path_);
  if (const int error = avformat_seek_file(context_.get(), -1, INT64_MIN, 0, 0, 0); error < 0) {
    return fail(ErrorCode::io, "cannot go back to the start of {}: {}", path_, describe(error));
  }
  if (to_annex_b_) av_bsf_flush(to_annex_b_.get());
  offset_ = latest_;
  empty_round_ = true;
  return {};
}

Result<EncodedFrame> FileSource::next(media::Picture, WallTime) {
  AVPacket* packet = packet_.get();
  for (;;) {
    av_packet_unref(packet);
    if (const int error = av_read_frame(context_.get(), packet); error == AVERROR_EOF) {
      if (auto again = rewind(); !again) return std::unexpected(again.error());
      continue;
    } else if (error < 0) {
      return fail(ErrorCode::io, "cannot read the next frame of {}: {}", path_, describe(error));
    }
    const bool video = packet->stream_index == video_index_;
    if (!video && packet->stream_index != audio_index_) continue;
    const AVRational time_base = context_->streams[packet->stream_index]->time_base;
    if (video && to_annex_b_) {
      if (av_bsf_send_packet(to_annex_b_.get(), packet) < 0) continue;
      if (av_bsf_receive_packet(to_annex_b_.get(), packet) < 0) continue;
    }
    constexpr AVRational ticks{1, static_cast<int>(media::ticks_per_second)};
    EncodedFrame frame;
    frame.codec = video ? *video_ : *audio_;
    frame.time = offset_ + std::max<media::Ticks>(0, av_rescale_q(packet->pts, time_base, ticks));
    frame.picture = (packet->flags & AV_PKT_FLAG_KEY) != 0 ? media::Picture::key : media::Picture::delta;
    frame.payload.assign(packet->data, packet->data + packet->size);
    latest_ = std::max(latest_, frame.time + av_rescale_q(packet->duration, time_base, ticks));
    empty_round_ = false;
    return frame;
  }
}

}  // namespace

Result<std::unique_ptr<Source>> open_file_source(const std::string& path) {
  auto source = std::make_unique<FileSource>(path);
  if (auto opened = source->open(); !opened) return std::unexpected(opened.error());
  return source;
}

}  // namespace holdfast::publish

#include "publish/encoder.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cmath>
#include <numbers>

namespace holdfast::publish {
namespace {

std::string describe(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

AVCodecContext* allocate(const char* encoder) {
  av_log_set_level(AV_LOG_ERROR);  // x264 would print its settings and statistics
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder);
  return codec == nullptr ? nullptr : avcodec_alloc_context3(codec);
}

void set_option(AVCodecContext* context, const char* name, const char* value) {
  // A name that this libavcodec does not know would be our own mistake.
  if (av_opt_set(context->priv_data, name, value, 0) < 0) std::abort();
}

// Feeds one frame and takes the one packet that an encoder without delay gives for it.
Result<EncodedFrame> encode_one(AVCodecContext* context, AVFrame* frame, AVPacket* packet,
                                EncodedFrame encoded) {
  if (const int error = avcodec_send_frame(context, frame); error < 0) {
    return fail(ErrorCode::internal, "{} rejected a frame: {}", context->codec->name, describe(error));
  }
  if (const int error = avcodec_receive_packet(context, packet); error < 0) {
    return fail(ErrorCode::internal, "{} returned no frame: {}", context->codec->name, describe(error));
  }
  encoded.payload.assign(packet->data, packet->data + packet->size);
  encoded.picture = (packet->flags & AV_PKT_FLAG_KEY) != 0 ? media::Picture::key : media::Picture::delta;
  av_packet_unref(packet);
  return encoded;
}

}  // namespace

void AvDeleter::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}
void AvDeleter::operator()(AVFrame* frame) const {
  av_frame_free(&frame);
}
void AvDeleter::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}

VideoEncoder::VideoEncoder(VideoSettings settings, AVCodecContext* context)
    : settings_(settings), context_(context), frame_(av_frame_alloc()), packet_(av_packet_alloc()) {}

Result<VideoEncoder> VideoEncoder::open(const VideoSettings& settings) {
  const bool h264 = settings.codec == media::Codec::h264;
  const char* name = h264 ? "libx264" : "libvpx";
  VideoEncoder encoder(settings, allocate(name));
  AVCodecContext* context = encoder.context_.get();
  if (context == nullptr) return fail(ErrorCode::unsupported, "this libavcodec has no {} encoder", name);
  context->width = settings.width;
  context->height = settings.height;
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->time_base = {1, settings.frames_per_second};
  context->framerate = {settings.frames_per_second, 1};
  context->bit_rate = settings.bits_per_second;
  context->max_b_frames = 0;
  context->thread_count = 1;
  const auto interval = to_seconds(settings.keyframe_interval) * settings.frames_per_second;
  context->gop_size = interval > 0 ? std::max(1, static_cast<int>(std::lround(interval))) : 1'000'000;
  if (h264) {
    context->rc_max_rate = settings.bits_per_second;
    context->rc_buffer_size = settings.bits_per_second / 2;
    set_option(context, "preset", "ultrafast");
    set_option(context, "tune", "zerolatency");
    set_option(context, "profile", "baseline");
    set_option(context, "forced-idr", "1");
  } else {
    set_option(context, "deadline", "realtime");
    set_option(context, "cpu-used", "8");
    set_option(context, "lag-in-frames", "0");
  }
  if (const int error = avcodec_open2(context, context->codec, nullptr); error < 0) {
    return fail(ErrorCode::invalid, "{} does not support {}x{} at {} frames/s: {}", name, settings.width,
                settings.height, settings.frames_per_second, describe(error));
  }
  AVFrame* frame = encoder.frame_.get();
  frame->format = context->pix_fmt;
  frame->width = settings.width;
  frame->height = settings.height;
  return encoder;
}

Result<EncodedFrame> VideoEncoder::encode(const Picture& picture, std::uint64_t frame, media::Picture kind) {
  // The encoder copies what it needs before encode() returns: the planes are only lent.
  frame_->data[0] = const_cast<std::uint8_t*>(picture.y.data());
  frame_->data[1] = const_cast<std::uint8_t*>(picture.u.data());
  frame_->data[2] = const_cast<std::uint8_t*>(picture.v.data());
  frame_->linesize[0] = picture.width;
  frame_->linesize[1] = frame_->linesize[2] = picture.width / 2;
  frame_->pts = static_cast<std::int64_t>(frame);
  frame_->pict_type = kind == media::Picture::key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  EncodedFrame encoded;
  encoded.codec = settings_.codec;
  encoded.time = static_cast<media::Ticks>(frame) * media::ticks_per_second / settings_.frames_per_second;
  return encode_one(context_.get(), frame_.get(), packet_.get(), std::move(encoded));
}

OpusEncoder::OpusEncoder(AVCodecContext* context)
    : context_(context), frame_(av_frame_alloc()), packet_(av_packet_alloc()) {}

Result<OpusEncoder> OpusEncoder::open(int bits_per_second) {
  OpusEncoder encoder(allocate("libopus"));
  AVCodecContext* context = encoder.context_.get();
  if (context == nullptr) return fail(ErrorCode::unsupported, "this libavcodec has no libopus encoder");
  context->sample_rate = sample_rate;
  context->sample_fmt = AV_SAMPLE_FMT_FLT;
  context->bit_rate = bits_per_second;
  av_channel_layout_default(&context->ch_layout, channels);
  set_option(context, "frame_duration", "20");
  if (const int error = avcodec_open2(context, context->codec, nullptr); error < 0) {
    return fail(ErrorCode::invalid, "libopus does not support {} bits/s: {}", bits_per_second,
                describe(error));
  }
  AVFrame* frame = encoder.frame_.get();
  frame->format = context->sample_fmt;
  frame->nb_samples = samples_per_frame;
  frame->sample_rate = sample_rate;
  av_channel_layout_copy(&frame->ch_layout, &context->ch_layout);
  return encoder;
}

Result<EncodedFrame> OpusEncoder::encode(std::span<const float> samples, std::uint64_t frame) {
  frame_->data[0] = reinterpret_cast<std::uint8_t*>(const_cast<float*>(samples.data()));
  frame_->linesize[0] = static_cast<int>(samples.size_bytes());
  frame_->pts = static_cast<std::int64_t>(frame) * samples_per_frame;
  EncodedFrame encoded;
  encoded.codec = media::Codec::opus;
  encoded.time = static_cast<media::Ticks>(frame) * samples_per_frame * media::ticks_per_second / sample_rate;
  return encode_one(context_.get(), frame_.get(), packet_.get(), std::move(encoded));
}

std::vector<float> test_tone(std::uint64_t frame) {
  constexpr auto rate = static_cast<std::uint64_t>(OpusEncoder::sample_rate);
  std::vector<float> samples;
  samples.reserve(OpusEncoder::samples_per_frame * OpusEncoder::channels);
  for (std::uint64_t i = 0; i < OpusEncoder::samples_per_frame; ++i) {
    const std::uint64_t position = (frame * OpusEncoder::samples_per_frame + i) % rate;
    const bool beep = position < rate / 10;
    const double phase = 2 * std::numbers::pi * (beep ? 1000.0 : 440.0) * static_cast<double>(position) /
                         static_cast<double>(rate);
    const auto value = static_cast<float>((beep ? 0.5 : 0.05) * std::sin(phase));
    samples.insert(samples.end(), {value, value});
  }
  return samples;
}

}  // namespace holdfast::publish

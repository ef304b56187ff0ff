#include "transcode/aac_encoder.hpp"

extern "C" {
#include <libavutil/channel_layout.h>
}

namespace holdfast::transcode {
namespace {

Result<void> check(int code, const char* doing) {
  if (code >= 0) return {};
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return fail(ErrorCode::internal, "the AAC encoder cannot {}: {}", doing, text);
}

}  // namespace

Result<std::unique_ptr<AacEncoder>> AacEncoder::create(int channels) {
  std::unique_ptr<AacEncoder> encoder(new AacEncoder);
  if (auto opened = encoder->open(channels); !opened) return std::unexpected(opened.error());
  return encoder;
}

Result<void> AacEncoder::open(int channels) {
  const AVCodec* const codec = avcodec_find_encoder(AV_CODEC_ID_AAC);
  if (codec == nullptr) return check(AVERROR_ENCODER_NOT_FOUND, "be set up");
  context_.reset(avcodec_alloc_context3(codec));
  frame_.reset(av_frame_alloc());
  packet_.reset(av_packet_alloc());
  if (!context_ || !frame_ || !packet_) return check(AVERROR(ENOMEM), "be set up");

  context_->sample_rate = sample_rate;
  context_->sample_fmt = AV_SAMPLE_FMT_FLTP;
  context_->bit_rate = channels == 1 ? 96'000 : 128'000;
  context_->thread_count = 1;
  av_channel_layout_default(&context_->ch_layout, channels);
  if (auto opened = check(avcodec_open2(context_.get(), codec, nullptr), "be opened"); !opened) return opened;

  frame_->nb_samples = frame_samples;
  frame_->format = AV_SAMPLE_FMT_FLTP;
  frame_->sample_rate = sample_rate;
  av_channel_layout_default(&frame_->ch_layout, channels);
  return check(av_frame_get_buffer(frame_.get(), 0), "be set up");
}

Result<std::optional<ByteVector>> AacEncoder::encode(std::span<const float> samples) {
  if (auto written = put(samples); !written) return std::unexpected(written.error());
  const int received = avcodec_receive_packet(context_.get(), packet_.get());
  if (received == AVERROR(EAGAIN)) return std::nullopt;
  if (auto got = check(received, "encode"); !got) return std::unexpected(got.error());
  ByteVector block(packet_->data, packet_->data + packet_->size);
  av_packet_unref(packet_.get());
  return block;
}

Result<void> AacEncoder::put(std::span<const float> samples) {
  if (auto writable = check(av_frame_make_writable(frame_.get()), "take samples"); !writable) return writable;
  const auto channels = static_cast<std::size_t>(context_->ch_layout.nb_channels);
  for (std::size_t channel = 0; channel < channels; ++channel) {
    auto* const plane = reinterpret_cast<float*>(frame_->extended_data[channel]);
    for (std::size_t i = 0; i < frame_samples; ++i) plane[i] = samples[i * channels + channel];
  }
  return check(avcodec_send_frame(context_.get(), frame_.get()), "take samples");
}

}  // namespace holdfast::transcode

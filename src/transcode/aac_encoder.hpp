#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
}

#include <memory>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace holdfast::transcode {

// libavcodec's AAC-LC encoder at 48 kHz: 1,024 samples in, a raw_data_block out, two frames late: what
// encode() gives decodes to the samples of the call before the last. The first call gives nothing, the second
// the run-in. One thread at a time.
class AacEncoder {
 public:
  static constexpr int sample_rate = 48'000;
  static constexpr int frame_samples = 1024;

  // `channels` 1 or 2: 96 or 128 kb/s. Errors: internal.
  static Result<std::unique_ptr<AacEncoder>> create(int channels);
  // `samples`: frame_samples x channels, interleaved. Nothing at the first call.
  Result<std::optional<ByteVector>> encode(std::span<const float> samples);

 private:
  struct Deleter {
    void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
    void operator()(AVFrame* frame) const { av_frame_free(&frame); }
    void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  };

  AacEncoder() = default;
  Result<void> open(int channels);
  Result<void> put(std::span<const float> samples);

  std::unique_ptr<AVCodecContext, Deleter> context_;
  std::unique_ptr<AVFrame, Deleter> frame_;
  std::unique_ptr<AVPacket, Deleter> packet_;
};

}  // namespace holdfast::transcode

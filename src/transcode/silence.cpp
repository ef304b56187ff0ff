#include "transcode/silence.hpp"

#include <cstdlib>
#include <utility>
#include <vector>

#include "codec/opus.hpp"
#include "transcode/aac_encoder.hpp"

namespace holdfast::transcode {
namespace {

// The encoder's third block: its state has settled.
ByteVector encode_silence(int channels) {
  const std::vector<float> zeros(static_cast<std::size_t>(channels) * AacEncoder::frame_samples);
  auto encoder = AacEncoder::create(channels);
  // That the library makes AAC at all was found out before anybody asked for silence between it.
  if (!encoder) std::abort();
  ByteVector block;
  for (int call = 0; call < 4; ++call) {
    auto encoded = (*encoder)->encode(zeros);
    if (!encoded) std::abort();
    block = std::move(*encoded).value_or(ByteVector());
  }
  return block;
}

}  // namespace

Bytes silence(media::Codec codec, int channels) {
  if (codec == media::Codec::opus) return codec::opus_silence;
  static const ByteVector mono = encode_silence(1);
  static const ByteVector stereo = encode_silence(2);
  return channels == 1 ? mono : stereo;
}

media::Ticks silence_duration(media::Codec codec) {
  const int samples = codec == media::Codec::opus ? codec::opus_silence_samples : AacEncoder::frame_samples;
  return samples * media::ticks_per_second / AacEncoder::sample_rate;
}

}  // namespace holdfast::transcode

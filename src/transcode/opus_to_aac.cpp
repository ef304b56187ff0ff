#include "transcode/opus_to_aac.hpp"

#include <opus.h>

#include <algorithm>
#include <utility>

#include "codec/opus.hpp"

namespace holdfast::transcode {
namespace {

using media::Ticks;

// 90 kHz to 48 kHz.
constexpr Ticks to_ticks(std::int64_t samples) {
  return samples * 15 / 8;
}
constexpr std::int64_t to_samples(Ticks ticks) {
  return ticks * 8 / 15;
}

// The shortest Opus frame, 2.5 ms, and what the decoder counts concealment in. What differs by less is the
// timeline's slewing, which the PTS follow.
constexpr int concealment_unit = 120;

}  // namespace

void OpusToAac::DecoderDeleter::operator()(OpusDecoder* decoder) const {
  opus_decoder_destroy(decoder);
}

Result<std::unique_ptr<OpusToAac>> OpusToAac::create(int channels) {
  if (channels != 1 && channels != 2) {
    return fail(ErrorCode::invalid, "cannot encode AAC with {} channels, only with 1 or 2", channels);
  }
  int status = OPUS_OK;
  // Whatever a packet has, this decoder gives that many channels.
  Decoder decoder(opus_decoder_create(sample_rate, channels, &status));
  if (!decoder) {
    return fail(ErrorCode::internal, "cannot set up the Opus decoder: {}", opus_strerror(status));
  }
  auto encoder = AacEncoder::create(channels);
  if (!encoder) return std::unexpected(encoder.error());
  return std::unique_ptr<OpusToAac>(new OpusToAac(channels, std::move(decoder), std::move(*encoder)));
}

OpusToAac::OpusToAac(int channels, Decoder decoder, std::unique_ptr<AacEncoder> encoder)
    : channels_(static_cast<std::size_t>(channels)),
      decoder_(std::move(decoder)),
      encoder_(std::move(encoder)) {}

media::TrackFormat OpusToAac::output_format(int channels) {
  // AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1): AAC-LC, 48 kHz, one or two channels.
  const auto last = static_cast<std::uint8_t>(0x80 | channels << 3);
  return {media::Codec::aac, 0, 0, sample_rate, channels, {0x11, last}};
}

Result<void> OpusToAac::push(Ticks pts, Bytes packet, std::vector<AacFrame>& out) {
  ++counters_.packets;
  const auto toc = codec::OpusToc::parse(packet);
  if (!toc) {
    ++counters_.malformed;
    return {};
  }
  if (running_ && pts - next_ > max_concealed) {
    if (auto flushed = flush(out); !flushed) return flushed;
    ++counters_.restarts;
  }
  // Against where the packet should begin: a hole if positive.
  const auto apart =
      running_ ? static_cast<int>(std::clamp<std::int64_t>(to_samples(pts - next_), -toc->samples, 2880)) : 0;
  if (apart >= concealment_unit) conceal(apart, packet, toc->samples);
  const int decoded = decode(packet, toc->samples, Correction::no);
  if (decoded == 0) {
    ++counters_.malformed;
    return {};
  }
  if (!running_) newer_ = pts - AacFrame::duration;
  if (apart <= -concealment_unit) {
    drop_front_of_newest(decoded, std::min(decoded, -apart));
    ++counters_.overlapping;
  }
  const Ticks end = pts + to_ticks(decoded);
  next_ = running_ ? std::max(next_, end) : end;
  running_ = true;
  return encode_whole_frames(out);
}

Result<void> OpusToAac::flush(std::vector<AacFrame>& out) {
  if (!running_) return {};
  const Ticks end = next_;
  if (!samples_.empty()) {
    const Ticks begin = end - to_ticks(static_cast<std::int64_t>(buffered()));
    samples_.resize(AacFrame::samples * channels_);
    if (auto encoded = encode_frame(begin, out); !encoded) return encoded;
  }
  // The frames inside come out as others go in. Silence, so that nothing of it is heard in what follows.
  for (int frame = 0; frame < 2; ++frame) {
    samples_.assign(AacFrame::samples * channels_, 0.0F);
    if (auto encoded = encode_frame(end, out); !encoded) return encoded;
  }
  older_.reset();
  newer_.reset();
  running_ = false;
  return {};
}

int OpusToAac::decode(Bytes packet, int samples, Correction correction) {
  const std::size_t before = samples_.size();
  samples_.resize(before + static_cast<std::size_t>(samples) * channels_);
  const int decoded =
      opus_decode_float(decoder_.get(), packet.data(), static_cast<opus_int32>(packet.size()),
                        samples_.data() + before, samples, correction == Correction::yes ? 1 : 0);
  const int usable = std::max(decoded, 0);
  samples_.resize(before + static_cast<std::size_t>(usable) * channels_);
  return usable;
}

void OpusToAac::conceal(int samples, Bytes next_packet, int next_samples) {
  int missing = (samples + concealment_unit / 2) / concealment_unit * concealment_unit;
  counters_.concealed += static_cast<std::uint64_t>(missing);
  next_ += to_ticks(missing);
  // A packet may carry a coarse copy of what went right before it (RFC 6716 section 2.1.7).
  const int copied = missing >= next_samples ? next_samples : 0;
  missing -= copied;
  if (missing > 0) decode({}, missing, Correction::no);
  if (copied > 0) decode(next_packet, copied, Correction::yes);
}

void OpusToAac::drop_front_of_newest(int decoded, int count) {
  const auto newest =
      samples_.end() - static_cast<std::ptrdiff_t>(static_cast<std::size_t>(decoded) * channels_);
  samples_.erase(newest, newest + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(count) * channels_));
}

Result<void> OpusToAac::encode_whole_frames(std::vector<AacFrame>& out) {
  while (buffered() >= AacFrame::samples) {
    const Ticks begin = next_ - to_ticks(static_cast<std::int64_t>(buffered()));
    if (auto encoded = encode_frame(begin, out); !encoded) return encoded;
  }
  return {};
}

Result<void> OpusToAac::encode_frame(Ticks pts, std::vector<AacFrame>& out) {
  const std::size_t size = AacFrame::samples * channels_;
  auto block = encoder_->encode(std::span(samples_).first(size));
  samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(size));
  if (!block) return std::unexpected(block.error());
  std::optional<ByteVector> made = std::move(*block);
  if (made && older_) out.push_back({*older_, std::move(*made)});
  older_ = std::exchange(newer_, pts);
  return {};
}

}  // namespace holdfast::transcode

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/frame.hpp"
#include "transcode/aac_encoder.hpp"

struct OpusDecoder;

namespace holdfast::transcode {

// 1,024 samples of AAC-LC at 48 kHz: a raw_data_block without ADTS.
struct AacFrame {
  static constexpr int samples = AacEncoder::frame_samples;
  static constexpr media::Ticks duration = 1920;

  media::Ticks pts = 0;  // of the first sample that a decoder makes of it
  ByteVector payload;
};

// Opus to AAC-LC at 48 kHz, with a channel count that stays what it was set up for however the packets
// change.
//
// A sound at time t goes out at time t: the encoder's delay is taken out of the PTS, and the PTS of AAC
// frames follow those of the packets, also where the timeline nudges them. PTS rise strictly, by at least a
// frame over a hole.
//   - A hole up to `max_concealed` is filled by the Opus decoder (in-band error correction, else
//   concealment).
//   - At a longer one the encoder is run dry and what follows starts anew, sample-exact: the hole stays a
//   hole.
//   - A packet for time already covered is decoded and left out.
// The first frame after a start or a hole lies one frame before the packet: it is the encoder's run-in.
//
// One thread at a time (a pool may move it about). Flat memory: a few frames of samples. It lags by two
// frames.
class OpusToAac {
 public:
  static constexpr int sample_rate = 48'000;
  static constexpr media::Ticks max_concealed = media::ticks_per_second * 60 / 1000;

  struct Counters {
    std::uint64_t packets = 0;
    std::uint64_t malformed = 0;    // packets that did not decode; filled like a hole
    std::uint64_t overlapping = 0;  // packets left out because their time was covered
    std::uint64_t concealed = 0;    // samples made up
    std::uint64_t restarts = 0;     // holes that were left
  };

  // `channels` 1 or 2: 96 or 128 kb/s. Errors: internal (the codec libraries refuse).
  static Result<std::unique_ptr<OpusToAac>> create(int channels = 2);

  // What comes out, for the container.
  static media::TrackFormat output_format(int channels = 2);

  // Appends what a packet at `pts` makes ready. Packets in rising order; hostile ones are counted.
  Result<void> push(media::Ticks pts, Bytes packet, std::vector<AacFrame>& out);
  // The end: appends what is still inside, its last frame filled up with silence.
  Result<void> flush(std::vector<AacFrame>& out);

  const Counters& counters() const { return counters_; }

 private:
  struct DecoderDeleter {
    void operator()(OpusDecoder* decoder) const;
  };
  using Decoder = std::unique_ptr<OpusDecoder, DecoderDeleter>;

  OpusToAac(int channels, Decoder decoder, std::unique_ptr<AacEncoder> encoder);

  // Decodes to the end of `samples_`; 0 samples when the packet is broken.
  enum class Correction : bool { no, yes };
  int decode(Bytes packet, int samples, Correction correction);
  void conceal(int samples, Bytes next_packet, int next_samples);
  void drop_front_of_newest(int decoded, int count);
  Result<void> encode_whole_frames(std::vector<AacFrame>& out);
  Result<void> encode_frame(media::Ticks pts, std::vector<AacFrame>& out);
  std::size_t buffered() const { return samples_.size() / channels_; }

  std::size_t channels_;
  Decoder decoder_;
  std::unique_ptr<AacEncoder> encoder_;
  std::vector<float> samples_;  // decoded and not yet encoded, interleaved
  bool running_ = false;        // between a start and a flush
  media::Ticks next_ = 0;       // PTS of what follows samples_, while running
  // PTS of the two frames inside the encoder, the older one comes out next; none: it is not to come out.
  std::optional<media::Ticks> older_;
  std::optional<media::Ticks> newer_;
  Counters counters_;
};

}  // namespace holdfast::transcode

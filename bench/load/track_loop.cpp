#include "load/track_loop.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "codec/packetizer.hpp"
#include "publish/test_picture.hpp"
#include "rtp/packet.hpp"

namespace holdfast::bench {

class TrackLoop::Collect final : public codec::PayloadSink {
 public:
  Collect(TrackLoop& loop, std::uint32_t timestamp) : loop_(loop), timestamp_(timestamp) {}
  void payload(Bytes payload, codec::Last last) override {
    ByteVector& bytes = loop_.bytes_;
    loop_.packets_.push_back({static_cast<std::uint32_t>(bytes.size()),
                              static_cast<std::uint16_t>(rtp::header_size + payload.size()),
                              last == codec::Last::yes, timestamp_});
    bytes.insert(bytes.end(), rtp::header_size, 0);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
  }

 private:
  TrackLoop& loop_;
  std::uint32_t timestamp_;
};

TrackLoop::TrackLoop(std::span<const publish::EncodedFrame> frames, std::uint32_t clock_rate, Duration length)
    : clock_rate_(clock_rate),
      length_(length),
      units_(static_cast<std::uint32_t>(length.count() / 1'000 * clock_rate / 1'000'000)) {
  for (const publish::EncodedFrame& frame : frames) {
    const auto first = static_cast<std::uint32_t>(packets_.size());
    Collect collect(*this, static_cast<std::uint32_t>(frame.time * clock_rate / media::ticks_per_second));
    codec::make_packetizer(frame.codec)->packetize(frame.payload, collect);
    add_bursts(media::to_duration(frame.time), first);
  }
}

void TrackLoop::add_bursts(Duration due, std::uint32_t first) {
  constexpr std::size_t most_bursts = 3;
  const auto count = packets_.size() - first;
  const std::size_t parts = std::clamp<std::size_t>(count / packets_at_once, 1, most_bursts);
  for (std::size_t part = 0; part < parts && count > 0; ++part) {
    const auto begin = static_cast<std::uint32_t>(count * part / parts);
    const auto end = static_cast<std::uint32_t>(count * (part + 1) / parts);
    bursts_.push_back({due + static_cast<int>(part) * pace, first + begin, end - begin});
  }
}

namespace {

// So much of the picture is noise that the encoder needs all the bits it is given.
void add_noise(publish::Picture& picture, Random& random) {
  random.fill(MutableBytes(picture.y).first(picture.y.size() / 4));
}

}  // namespace

Result<MediaLoop> encode_loop(int bits_per_second, int frames_per_second) {
  constexpr int seconds = 2 * key_frame_seconds;
  constexpr int opus_per_second = publish::OpusEncoder::sample_rate / publish::OpusEncoder::samples_per_frame;
  const publish::VideoSettings settings{.frames_per_second = frames_per_second,
                                        .bits_per_second = bits_per_second,
                                        .keyframe_interval = std::chrono::seconds(key_frame_seconds)};
  auto video_encoder = publish::VideoEncoder::open(settings);
  if (!video_encoder) return std::unexpected(video_encoder.error());
  auto audio_encoder = publish::OpusEncoder::open(96'000);
  if (!audio_encoder) return std::unexpected(audio_encoder.error());

  std::vector<publish::EncodedFrame> video, audio;
  SeededRandom noise(1);
  publish::Picture picture(settings.width, settings.height);
  for (int i = 0; i < seconds * frames_per_second; ++i) {
    const auto frame = static_cast<std::uint64_t>(i);
    publish::draw_test_picture(picture, frame, i * Duration(std::chrono::seconds(1)) / frames_per_second, {});
    add_noise(picture, noise);
    auto encoded = video_encoder->encode(picture, frame, media::Picture::delta);
    if (!encoded) return std::unexpected(encoded.error());
    video.push_back(std::move(*encoded));
  }
  for (std::uint64_t i = 0; i < std::uint64_t{seconds} * opus_per_second; ++i) {
    auto encoded = audio_encoder->encode(publish::test_tone(i), i);
    if (!encoded) return std::unexpected(encoded.error());
    audio.push_back(std::move(*encoded));
  }
  constexpr Duration length = std::chrono::seconds(seconds);
  return MediaLoop{{video, 90'000, length}, {audio, publish::OpusEncoder::sample_rate, length}};
}

}  // namespace holdfast::bench

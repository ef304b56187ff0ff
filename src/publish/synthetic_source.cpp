#include <utility>

#include "publish/source.hpp"
#include "publish/test_picture.hpp"

namespace holdfast::publish {
namespace {

class SyntheticSource final : public Source {
 public:
  struct Video {
    VideoSettings settings;
    VideoEncoder encoder;
    Picture picture;
    std::uint64_t frame = 0;
  };
  struct Audio {
    OpusEncoder encoder;
    std::uint64_t frame = 0;
  };

  SyntheticSource(std::optional<Video> video, std::optional<Audio> audio)
      : video_(std::move(video)), audio_(std::move(audio)) {}

  std::optional<media::Codec> video() const override {
    return video_ ? std::optional(video_->settings.codec) : std::nullopt;
  }
  std::optional<media::Codec> audio() const override {
    return audio_ ? std::optional(media::Codec::opus) : std::nullopt;
  }

  Result<EncodedFrame> next(media::Picture wanted, WallTime wall) override {
    if (video_ && (!audio_ || video_time() <= audio_time())) return next_video(wanted, wall);
    const std::uint64_t frame = audio_->frame++;
    return audio_->encoder.encode(test_tone(frame), frame);
  }

 private:
  media::Ticks video_time() const {
    return static_cast<media::Ticks>(video_->frame) * media::ticks_per_second /
           video_->settings.frames_per_second;
  }
  media::Ticks audio_time() const {
    return static_cast<media::Ticks>(audio_->frame) * OpusEncoder::samples_per_frame *
           media::ticks_per_second / OpusEncoder::sample_rate;
  }
  Result<EncodedFrame> next_video(media::Picture wanted, WallTime wall) {
    draw_test_picture(video_->picture, video_->frame, media::to_duration(video_time()), wall);
    return video_->encoder.encode(video_->picture, video_->frame++, wanted);
  }

  std::optional<Video> video_;
  std::optional<Audio> audio_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_synthetic_source(const SyntheticSettings& settings) {
  std::optional<SyntheticSource::Video> video;
  std::optional<SyntheticSource::Audio> audio;
  if (settings.video) {
    auto encoder = VideoEncoder::open(*settings.video);
    if (!encoder) return std::unexpected(encoder.error());
    video.emplace(*settings.video, std::move(*encoder),
                  Picture(settings.video->width, settings.video->height));
  }
  if (settings.audio) {
    auto encoder = OpusEncoder::open(settings.audio_bits_per_second);
    if (!encoder) return std::unexpected(encoder.error());
    audio.emplace(std::move(*encoder));
  }
  if (!video && !audio) return fail(ErrorCode::invalid, "nothing to publish: neither video nor audio");
  return std::make_unique<SyntheticSource>(std::move(video), std::move(audio));
}

}  // namespace holdfast::publish

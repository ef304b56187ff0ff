#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "media/frame.hpp"
#include "publish/test_picture.hpp"

struct AVCodecContext;
struct AVFrame;
struct AVPacket;

namespace holdfast::publish {

// A coded frame ready to be packetised. Time is the source's own, from zero.
struct EncodedFrame {
  media::Codec codec = media::Codec::h264;
  media::Ticks time = 0;
  media::Picture picture = media::Picture::delta;
  ByteVector payload;
};

struct AvDeleter {
  void operator()(AVCodecContext* context) const;
  void operator()(AVFrame* frame) const;
  void operator()(AVPacket* packet) const;
};

struct VideoSettings {
  media::Codec codec = media::Codec::h264;  // or vp8
  int width = 1280;                         // even
  int height = 720;                         // even
  int frames_per_second = 30;
  int bits_per_second = 2'000'000;
  // Zero: a key frame only at the start and when asked for, as browsers do.
  Duration keyframe_interval = std::chrono::seconds(2);
};

// H.264 (x264, Constrained Baseline, no delay) or VP8 (libvpx, real time). One thread; blocking.
class VideoEncoder {
 public:
  static Result<VideoEncoder> open(const VideoSettings& settings);
  // `frame` counts from 0 and gives the time. A key frame when `kind` says so, else as the interval has it.
  Result<EncodedFrame> encode(const Picture& picture, std::uint64_t frame, media::Picture kind);

 private:
  VideoEncoder(VideoSettings settings, AVCodecContext* context);

  VideoSettings settings_;
  std::unique_ptr<AVCodecContext, AvDeleter> context_;
  std::unique_ptr<AVFrame, AvDeleter> frame_;
  std::unique_ptr<AVPacket, AvDeleter> packet_;
};

// Opus (libopus), 48 kHz stereo, 20 ms a frame. One thread; blocking.
class OpusEncoder {
 public:
  static constexpr int sample_rate = 48'000;
  static constexpr int channels = 2;
  static constexpr int samples_per_frame = 960;

  static Result<OpusEncoder> open(int bits_per_second);
  // `samples`: 960 x 2, interleaved.
  Result<EncodedFrame> encode(std::span<const float> samples, std::uint64_t frame);

 private:
  explicit OpusEncoder(AVCodecContext* context);

  std::unique_ptr<AVCodecContext, AvDeleter> context_;
  std::unique_ptr<AVFrame, AvDeleter> frame_;
  std::unique_ptr<AVPacket, AvDeleter> packet_;
};

// 20 ms of the test tone, interleaved stereo: a quiet 440 Hz, and a loud 1 kHz beep in the first 100 ms of
// each second.
std::vector<float> test_tone(std::uint64_t frame);

}  // namespace holdfast::publish

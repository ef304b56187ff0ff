#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "publish/encoder.hpp"

namespace holdfast::publish {

// What is published: frames of at most one video and one audio track, in the order of their times. One
// thread; blocking.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::optional<media::Codec> video() const = 0;
  virtual std::optional<media::Codec> audio() const = 0;
  // The next frame; at its `time` after the start it is to be sent. `key`: a key frame is wanted, if the
  // source can make one. `wall` is what its clock shows.
  virtual Result<EncodedFrame> next(media::Picture wanted, WallTime wall) = 0;
};

struct SyntheticSettings {
  std::optional<VideoSettings> video;
  bool audio = true;
  int audio_bits_per_second = 96'000;
};

// The test picture and tone.
Result<std::unique_ptr<Source>> open_synthetic_source(const SyntheticSettings& settings);
// A media file's H.264 or VP8 and Opus as they are, over and over. Errors: not_found, unsupported (nothing we
// can send; the message has the ffmpeg line that makes it).
Result<std::unique_ptr<Source>> open_file_source(const std::string& path);

}  // namespace holdfast::publish

#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/option.hpp"
#include "base/time.hpp"
#include "base/units.hpp"
#include "container/muxer.hpp"
#include "recording/status.hpp"

namespace holdfast::control {

// How one recording is made. The configuration has one of these for all recordings, a request may set some of
// it for its own, and what came of both is saved with the recording, which keeps it when it is resumed.
struct RecordingOptions {
  container::Format format = container::Format::mpegts;
  recording::AudioMode audio = recording::AudioMode::aac;
  recording::VideoQuality video_quality = recording::VideoQuality::high;
  recording::DamageMode damage = recording::DamageMode::keep;
  bool fill = true;
  Duration track_wait = std::chrono::seconds(1);
  Duration gap_limit = std::chrono::seconds(60);  // 0: never
  Duration mute_limit{};                          // 0: never
  Duration recovery_window = std::chrono::milliseconds(1500);
  Duration keyframe_interval = std::chrono::seconds(4);  // 0: never asked by time
  Duration part_duration{};                              // 0: one part as long as the container can go on
  ByteSize part_size{};                                  // 0: the same
};

enum class PerRequest : unsigned char { no, yes };
struct RecordingOption : Option<RecordingOptions> {
  PerRequest per_request;  // whether a start request may set it
};
// One row an option.
std::span<const RecordingOption> recording_options();
// Null: there is none of that name.
const RecordingOption* find_recording_option(std::string_view name);

// Some of the options: those that a request sets, or that are saved with a recording.
class GivenOptions {
 public:
  static GivenOptions all_of(const RecordingOptions& options);

  // "" or what the value must be; `name` is an option's.
  std::string set(std::string_view name, std::string text);
  // Null: not given.
  const std::string* find(std::string_view name) const;
  // As their names and texts.
  const std::map<std::string, std::string, std::less<>>& texts() const { return texts_; }
  // What holds if the rest is as in `others`.
  RecordingOptions over(RecordingOptions others) const;

  bool operator==(const GivenOptions&) const = default;

 private:
  std::map<std::string, std::string, std::less<>> texts_;  // each is one that its option takes
};

}  // namespace holdfast::control

#include "control/recording_options.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace holdfast {

template <>
struct OptionType<container::Format> : OptionOneOf<container::Format, container::parse_format> {
  static constexpr std::string_view name = "mpegts|mp4|mkv";
};
template <>
struct OptionType<recording::AudioMode> : OptionOneOf<recording::AudioMode, recording::parse_audio_mode> {
  static constexpr std::string_view name = "aac|copy";
};
template <>
struct OptionType<recording::DamageMode> : OptionOneOf<recording::DamageMode, recording::parse_damage_mode> {
  static constexpr std::string_view name = "keep|drop";
};
template <>
struct OptionType<recording::VideoQuality>
    : OptionOneOf<recording::VideoQuality, recording::parse_video_quality> {
  static constexpr std::string_view name = "low|medium|high";
};

}  // namespace holdfast

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

template <typename Value, typename Limits = AnyValue>
RecordingOption make(std::string_view name, Value RecordingOptions::* member, PerRequest per_request,
                     std::string_view help, Limits range = {}) {
  const auto field = [member](RecordingOptions& options) -> Value& { return options.*member; };
  return {make_option<RecordingOptions>(name, field, help, range), per_request};
}

std::vector<RecordingOption> make_options() {
  using Options = RecordingOptions;
  constexpr auto per_request = PerRequest::yes;
  constexpr auto for_all = PerRequest::no;
  const Range<Duration> second_or_never{.least = 1s, .zero = Zero::too};
  return {
      make("format", &Options::format, per_request, "file format"),
      make("audio", &Options::audio, per_request,
           "aac: convert to AAC, which plays everywhere; copy: keep Opus, for a tenth of the CPU"),
      make("video_quality", &Options::video_quality, per_request, "simulcast layer to record"),
      make("damage", &Options::damage, per_request,
           "video between a lost frame and the next key frame: keep it, marked in the journal, or drop it"),
      make("fill", &Options::fill, for_all,
           "write silence or repeated pictures while one track has no media and another has"),
      make("track_wait", &Options::track_wait, for_all,
           "how long to wait for video before recording audio only"),
      make("gap_limit", &Options::gap_limit, per_request,
           "end the recording after a gap in all tracks that is longer than this; 0: never", second_or_never),
      make("mute_limit", &Options::mute_limit, per_request,
           "end the recording after all tracks were muted for longer than this; 0: never", second_or_never),
      make("recovery_window", &Options::recovery_window, for_all,
           "how long to request a lost packet and to wait for it; at most 10s", Range<Duration>{.most = 10s}),
      make("keyframe_interval", &Options::keyframe_interval, for_all,
           "request a key frame if none was received for this long; 0: never", second_or_never),
      make("part_duration", &Options::part_duration, per_request,
           "start a new file after this time, at the next key frame; 0: never", second_or_never),
      make("part_size", &Options::part_size, per_request,
           "start a new file at this size, at the next key frame; 0: never",
           Range<ByteSize>{.least = ByteSize{std::uint64_t{1} << 20}, .zero = Zero::too}),
  };
}

}  // namespace

std::span<const RecordingOption> recording_options() {
  static const std::vector<RecordingOption> table = make_options();
  return table;
}

const RecordingOption* find_recording_option(std::string_view name) {
  const auto found = std::ranges::find(recording_options(), name, &RecordingOption::name);
  return found == recording_options().end() ? nullptr : &*found;
}

GivenOptions GivenOptions::all_of(const RecordingOptions& options) {
  GivenOptions all;
  for (const RecordingOption& option : recording_options())
    all.texts_.emplace(option.name, option.get(options));
  return all;
}

std::string GivenOptions::set(std::string_view name, std::string text) {
  const RecordingOption* option = find_recording_option(name);
  if (option == nullptr) return "is not an option of a recording";
  RecordingOptions tried;
  if (std::string problem = option->set(tried, std::span(&text, 1)); !problem.empty()) return problem;
  texts_.insert_or_assign(std::string(name), option->get(tried));
  return {};
}

const std::string* GivenOptions::find(std::string_view name) const {
  const auto found = texts_.find(name);
  return found == texts_.end() ? nullptr : &found->second;
}

RecordingOptions GivenOptions::over(RecordingOptions others) const {
  for (const auto& [name, text] : texts_) {
    // Each text was taken before, so that nothing can be wrong with it.
    static_cast<void>(find_recording_option(name)->set(others, std::span(&text, 1)));
  }
  return others;
}

}  // namespace holdfast::control

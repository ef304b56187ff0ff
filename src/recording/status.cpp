#include "recording/status.hpp"

#include <array>
#include <utility>

namespace holdfast::recording {
namespace {

constexpr std::array<std::string_view, 7> state_names{"waiting",    "connecting", "recording", "gap",
                                                      "finalizing", "stopped",    "failed"};
constexpr std::array<std::string_view, 2> audio_mode_names{"aac", "copy"};
constexpr std::array<std::string_view, 2> damage_mode_names{"keep", "drop"};
constexpr std::array<std::string_view, 3> video_quality_names{"low", "medium", "high"};

template <typename Enum, std::size_t Count>
std::optional<Enum> parse(const std::array<std::string_view, Count>& names, std::string_view name) {
  for (std::size_t i = 0; i < Count; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(State state) {
  return state_names[std::to_underlying(state)];
}
bool is_active(State state) {
  return state < State::finalizing;
}

std::string_view to_string(AudioMode mode) {
  return audio_mode_names[std::to_underlying(mode)];
}
std::optional<AudioMode> parse_audio_mode(std::string_view name) {
  return parse<AudioMode>(audio_mode_names, name);
}

std::string_view to_string(DamageMode mode) {
  return damage_mode_names[std::to_underlying(mode)];
}
std::optional<DamageMode> parse_damage_mode(std::string_view name) {
  return parse<DamageMode>(damage_mode_names, name);
}

std::string_view drop_cause_name(std::size_t index) {
  return rtp::to_string(rtp::all_drop_causes[index]);
}

std::string_view to_string(VideoQuality quality) {
  return video_quality_names[std::to_underlying(quality)];
}
std::optional<VideoQuality> parse_video_quality(std::string_view name) {
  return parse<VideoQuality>(video_quality_names, name);
}

}  // namespace holdfast::recording

#include "control/session_options.hpp"

namespace holdfast::control {

using namespace std::chrono_literals;

recording::SessionOptions make_session_options(const RecordingOptions& given, const Settings& settings) {
  recording::SessionOptions options;
  options.output.directory = settings.recordings;
  options.output.format = given.format;
  options.output.audio = given.audio;
  options.output.fill = given.fill ? media::Fill::on : media::Fill::off;
  options.output.track_wait = given.track_wait;
  options.output.part_duration = given.part_duration;
  options.output.part_size = given.part_size.bytes;
  options.output.hold_off = given.recovery_window + 500ms;
  options.recovery_window = given.recovery_window;
  options.damage = given.damage;
  options.keyframe_interval = given.keyframe_interval;
  options.gap_limit = given.gap_limit;
  options.mute_limit = given.mute_limit;
  options.nack = recording::Nack::always;  // LiveKit; a WHIP publisher says what it answers
  options.detours = settings.detours;
  return options;
}

}  // namespace holdfast::control

#include "app/session_options.hpp"

namespace holdfast::app {

using namespace std::chrono_literals;

api::StartRequest complete(api::StartRequest request, const Config& config) {
  const auto fill_in = [](auto& given, const auto& configured) {
    if (!given) given = configured;
  };
  fill_in(request.format, config.format);
  fill_in(request.audio, config.audio);
  fill_in(request.video_quality, config.video_quality.value_or(recording::VideoQuality::high));
  fill_in(request.damage, config.damage);
  fill_in(request.gap_limit, config.gap_limit);
  fill_in(request.mute_limit, config.mute_limit);
  fill_in(request.part_duration, config.part_duration);
  fill_in(request.part_size, config.part_size);
  return request;
}

recording::SessionOptions make_session_options(const api::StartRequest& request, const Config& config) {
  recording::SessionOptions options;
  options.output.directory = config.recordings;
  options.output.mint_id = request.mint_id;
  options.output.format = request.format.value();
  options.output.audio = request.audio.value();
  options.output.fill = config.fill ? media::Fill::on : media::Fill::off;
  options.output.track_wait = config.track_wait;
  options.output.part_duration = request.part_duration.value();
  options.output.part_size = request.part_size.value().bytes;
  options.output.hold_off = config.recovery_window + 500ms;
  options.recovery_window = config.recovery_window;
  options.damage = request.damage.value();
  options.keyframe_interval = config.keyframe_interval;
  options.gap_limit = request.gap_limit.value();
  options.mute_limit = request.mute_limit.value();
  options.nack = recording::Nack::always;  // LiveKit; a WHIP publisher says what it answers
  options.detours.policy = config.ice_transport_policy;
  for (const LinkTarget& target : config.turn_servers) {
    options.detours.servers.push_back({target, config.turn_username, config.turn_credential});
  }
  return options;
}

}  // namespace holdfast::app

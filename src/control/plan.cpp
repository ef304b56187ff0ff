#include "control/plan.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/text.hpp"
#include "control/session_options.hpp"
#include "storage/naming.hpp"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

livekit::Quality to_quality(recording::VideoQuality quality) {
  switch (quality) {
    case recording::VideoQuality::low:
      return livekit::Quality::low;
    case recording::VideoQuality::medium:
      return livekit::Quality::medium;
    case recording::VideoQuality::high:
      break;
  }
  return livekit::Quality::high;
}

}  // namespace

Result<livekit::RoomAccess> room_access(const StartRequest& request, const Settings& settings,
                                        const livekit::TokenEndpoint* endpoint) {
  livekit::RoomAccess access;
  access.server_url = request.livekit_url.empty() ? settings.livekit_url : request.livekit_url;
  access.token = request.token;
  access.endpoint = endpoint;
  access.api_key = settings.livekit_api_key;
  access.api_secret = settings.livekit_api_secret;
  access.room = replace_all(settings.livekit_room, "{mint_id}", request.mint_id);
  const bool endpoint_names_server =
      endpoint != nullptr && !settings.token_endpoint.server_url_pointer.empty();
  if (access.server_url.empty() && !endpoint_names_server) {
    return fail(ErrorCode::invalid,
                "no LiveKit server is configured for {}: set livekit_url, or send livekit_url in the request",
                request.mint_id);
  }
  if (access.token.empty() && endpoint == nullptr && access.api_key.empty()) {
    return fail(ErrorCode::invalid,
                "no credentials to join the room of {}: set livekit_api_key and livekit_api_secret or "
                "token_endpoint.url, or send a token in the request",
                request.mint_id);
  }
  return access;
}

recording::Transcoding transcoding(const RecordingOptions& options) {
  const bool aac = options.audio == recording::AudioMode::aac && options.format != container::Format::mkv;
  return aac ? recording::Transcoding::aac : recording::Transcoding::none;
}

RecordingPlan plan_recording(StartRequest request, const RecordingOptions& options, const Settings& settings,
                             std::string_view participant, WallTime now,
                             const std::function<bool(std::string_view id)>& is_taken) {
  RecordingPlan plan{
      .request = std::move(request), .options = options, .session = make_session_options(options, settings)};
  const std::string stem =
      participant.empty() ? plan.request.mint_id : fmt::format("{}_{}", plan.request.mint_id, participant);
  WallTime start = now;
  std::string id = storage::base_name(stem, start);
  while (is_taken(id)) id = storage::base_name(stem, start += 1ms);
  plan.session.start_time = start;
  plan.session.output.recording_id = std::move(id);
  plan.session.output.mint_id = plan.request.mint_id;
  return plan;
}

livekit::Membership::Options membership_options(const StartRequest& request, const RecordingOptions& options,
                                                livekit::RoomAccess access, std::string id,
                                                Duration wait_limit) {
  livekit::RoomConfig room;
  room.mode =
      request.participants == Participants::all ? livekit::RoomMode::watch : livekit::RoomMode::record;
  room.participant = request.participant;
  room.track_wait = options.track_wait;
  room.quality = to_quality(options.video_quality);
  return {std::move(id), request.mint_id, std::move(access), std::move(room), wait_limit};
}

}  // namespace holdfast::control

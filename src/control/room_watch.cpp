#include "control/room_watch.hpp"

#include <utility>

#include "base/log.hpp"

namespace holdfast::control {

std::string_view to_string(WatchState state) {
  switch (state) {
    case WatchState::watching:
      return "watching";
    case WatchState::stopped:
      return "stopped";
    case WatchState::ended:
      return "ended";
    case WatchState::failed:
      break;
  }
  return "failed";
}

RoomWatch::RoomWatch(const Environment& environment, Owner& owner, RecordingPlan plan,
                     livekit::Membership::Options options)
    : owner_(owner), plan_(std::move(plan)), member_(environment, std::move(options), *this) {
  status_.watch_id = plan_.session.output.recording_id;
  status_.mint_id = plan_.request.mint_id;
  status_.start_time = plan_.session.start_time;
}

void RoomWatch::stop(WatchState state) {
  if (status_.state == WatchState::watching) status_.state = state;
  leave();
}

void RoomWatch::warn(const std::string& why) {
  log::warn("{}: {}", status_.watch_id, why);
  status_.error = why;
}

void RoomWatch::handle_publisher(std::string_view identity) {
  owner_.on_publisher(*this, std::string(identity));
}

void RoomWatch::end(livekit::Outcome outcome, const std::string& why) {
  const bool is_refused = outcome == livekit::Outcome::refused;
  status_.state = is_refused ? WatchState::failed : WatchState::ended;
  if (is_refused) {
    status_.error = why;
    log::error("{}: {}", status_.watch_id, why);
  } else {
    log::info("{}: the room is over: {}", status_.watch_id, why);
  }
  owner_.on_watch_over(*this);
}

}  // namespace holdfast::control

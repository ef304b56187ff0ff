#include "control/room_watches.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

constexpr Duration refused_again = 5s;

}  // namespace

RoomWatches::RoomWatches(const Environment& environment, Events& events)
    : environment_(environment), events_(events), leaving_(environment), retry_(environment.timers) {}

RoomWatch& RoomWatches::add(RecordingPlan plan, livekit::Membership::Options options) {
  CHECK(!has(plan.session.output.recording_id));
  RoomWatch::Owner& owner = *this;
  live_.push_back(std::make_unique<RoomWatch>(environment_, owner, std::move(plan), std::move(options)));
  return *live_.back();
}

RoomWatch* RoomWatches::find(std::string_view watch_id) {
  const auto found =
      std::ranges::find(live_, watch_id, [](const auto& each) { return each->status().watch_id; });
  return found == live_.end() ? nullptr : found->get();
}

RoomWatch* RoomWatches::find_of(std::string_view mint_id) {
  const auto found = std::ranges::find_if(live_, [&](const auto& each) {
    return each->status().mint_id == mint_id && each->status().state == WatchState::watching;
  });
  return found == live_.end() ? nullptr : found->get();
}

std::vector<WatchStatus> RoomWatches::active() const {
  std::vector<WatchStatus> statuses;
  statuses.reserve(live_.size());
  for (const auto& each : live_) statuses.push_back(each->status());
  return statuses;
}

std::optional<WatchStatus> RoomWatches::status(std::string_view mint_id) const {
  for (const auto& each : live_ | std::views::reverse) {
    if (each->status().mint_id == mint_id) return each->status();
  }
  for (const WatchStatus& status : ended_ | std::views::reverse) {
    if (status.mint_id == mint_id) return status;
  }
  return std::nullopt;
}

bool RoomWatches::has(std::string_view watch_id) const {
  const auto is_it = [&](const WatchStatus& status) { return status.watch_id == watch_id; };
  return std::ranges::any_of(ended_, is_it) ||
         std::ranges::any_of(live_, [&](const auto& each) { return is_it(each->status()); });
}

std::optional<WatchStatus> RoomWatches::stop(std::string_view mint_id, WatchState state) {
  RoomWatch* watch = find_of(mint_id);
  if (watch == nullptr) return std::nullopt;
  watch->stop(state);
  WatchStatus status = watch->status();
  on_watch_over(*watch);
  return status;
}

void RoomWatches::stop_all(WatchState state) {
  std::vector<std::string> mint_ids;
  mint_ids.reserve(live_.size());
  for (const auto& each : live_) mint_ids.push_back(each->status().mint_id);
  for (const std::string& mint_id : mint_ids) stop(mint_id, state);
}

void RoomWatches::on_publisher(RoomWatch& watch, const std::string& identity) {
  const auto started = events_.start_participant(watch.request(), identity);
  if (started) return;
  const ErrorCode code = started.error().code;
  const bool later = code == ErrorCode::exhausted || code == ErrorCode::unavailable;
  if (!later || watch.refused.insert(identity).second) {
    log::warn("{}: cannot record participant {}{}: {}", watch.status().mint_id, identity, later ? " yet" : "",
              started.error().message);
  }
  if (later) retry_.start(environment_.clock.read().instant + refused_again, [this] { start_refused(); });
}

void RoomWatches::start_refused() {
  for (const auto& each : live_) {
    const auto identities = std::exchange(each->refused, {});
    for (const std::string& identity : identities) {
      if (each->status().state == WatchState::watching) on_publisher(*each, identity);
    }
  }
}

void RoomWatches::on_watch_over(RoomWatch& watch) {
  // Not from within the watch's own function.
  environment_.control.post([this, id = watch.status().watch_id] { remove(id); });
}

void RoomWatches::remove(const std::string& watch_id) {
  const auto found =
      std::ranges::find(live_, watch_id, [](const auto& each) { return each->status().watch_id; });
  if (found == live_.end()) return;  // stopped, when its room was over already
  std::unique_ptr<RoomWatch> gone = std::move(*found);
  live_.erase(found);
  gone->leave();  // one that ended by itself is still in the room
  ended_.push_back(gone->status());
  if (ended_.size() > max_remembered) ended_.pop_front();
  events_.on_watch_removed(*gone);
  leaving_.keep(std::move(gone));
}

}  // namespace holdfast::control

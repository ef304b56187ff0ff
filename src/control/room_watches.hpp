#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/leaving.hpp"
#include "control/room_watch.hpp"

namespace holdfast::control {

// The watches of this process: one for each mint id that is recorded with participants = all. Control thread.
class RoomWatches final : private RoomWatch::Owner {
 public:
  // Of ended watches so many are remembered for the status.
  static constexpr std::size_t max_remembered = 100;

  // Who records the participants.
  class Events {
   public:
    virtual ~Events() = default;
    // Errors: exhausted and unavailable (the watch tries again in a few seconds), others (it does not).
    virtual Result<void> start_participant(const StartRequest& request, const std::string& identity) = 0;
    // Not from within a call.
    virtual void on_watch_removed(const RoomWatch& watch) = 0;
  };

  // Both outlive it.
  RoomWatches(const Environment& environment, Events& events);

  RoomWatches(const RoomWatches&) = delete;
  RoomWatches& operator=(const RoomWatches&) = delete;

  RoomWatch& add(RecordingPlan plan, livekit::Membership::Options options);
  // Null: there is none.
  RoomWatch* find(std::string_view watch_id);
  RoomWatch* find_of(std::string_view mint_id);
  bool empty() const { return live_.empty(); }
  // The oldest first.
  std::vector<WatchStatus> active() const;
  // The live one, or the last that ended.
  std::optional<WatchStatus> status(std::string_view mint_id) const;
  bool has(std::string_view watch_id) const;
  // Says goodbye; `state` from now on. Nothing: there is none.
  std::optional<WatchStatus> stop(std::string_view mint_id, WatchState state = WatchState::stopped);
  void stop_all(WatchState state);

 private:
  void on_publisher(RoomWatch& watch, const std::string& identity) override;
  void on_watch_over(RoomWatch& watch) override;
  void start_refused();
  void remove(const std::string& watch_id);

  const Environment& environment_;
  Events& events_;
  std::vector<std::unique_ptr<RoomWatch>> live_;
  Leaving<RoomWatch> leaving_;
  std::deque<WatchStatus> ended_;  // the oldest first
  Timer retry_;                    // of participants that were refused
};

}  // namespace holdfast::control

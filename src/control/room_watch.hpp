#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/environment.hpp"
#include "control/plan.hpp"
#include "control/room_member.hpp"
#include "control/run_records.hpp"
#include "control/status.hpp"

namespace holdfast::control {

// Watches one room, and says whom to record. Control thread.
class RoomWatch final : private livekit::Subscriber {
 public:
  // Called from within the watch's functions, of which only status() may be called from there.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Somebody publishes; once for each time that he begins.
    virtual void on_publisher(RoomWatch& watch, const std::string& identity) = 0;
    // The room is over, or lets us in no more: the last call.
    virtual void on_watch_over(RoomWatch& watch) = 0;
  };

  // Both outlive it.
  RoomWatch(const Environment& environment, Owner& owner, RecordingPlan plan,
            livekit::Membership::Options options);

  void start() { member_.start(); }
  // Ends it, unless it has ended: `state` is stopped or ended.
  void stop(WatchState state);
  // Says goodbye. The watch should live for 2 * livekit::Room::leave_timeout until that is out.
  void leave() { member_.leave(); }
  const StartRequest& request() const { return plan_.request; }
  const WatchStatus& status() const { return status_; }

  std::set<std::string> refused;  // participants for whom there was no room on the machine, or on its disk
  RunRecords::Lock run_record;    // so that no other process watches instead while it lives here

 private:
  void accept_offer(const livekit::OfferKey&, std::string, livekit::MediaConnection) override {}
  void add_candidate(std::string_view) override {}
  void set_ice_servers(const std::vector<livekit::IceServer>&) override {}
  void announce(const livekit::Track&) override {}
  void retract(media::Kind) override {}
  void suspect(livekit::Fault) override {}
  void note_resumed() override {}
  void warn(const std::string& why) override;
  void handle_publisher(std::string_view identity) override;
  void end(livekit::Outcome outcome, const std::string& why) override;

  Owner& owner_;
  const RecordingPlan plan_;
  WatchStatus status_;
  RoomMember member_;
};

}  // namespace holdfast::control

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "control/admission_gate.hpp"
#include "control/disk_watch.hpp"
#include "control/recordings.hpp"
#include "control/resumption.hpp"
#include "control/room_watches.hpp"
#include "control/settings.hpp"
#include "control/start_request.hpp"
#include "control/status.hpp"
#include "control/whip_ingest.hpp"

namespace holdfast::control {

// Decides what is recorded: takes start requests, admits or refuses them, watches rooms, resumes what an
// earlier process left, and ends everything when the process ends. Sans-IO: all that it does to the world
// goes through its Environment. Control thread.
class ControlPlane final : private Recordings::Events, private RoomWatches::Events {
 public:
  // What others want to know of it. Not from within a call.
  class Events {
   public:
    virtual ~Events() = default;
    // The folder has changed.
    virtual void on_folder_changed() = 0;
    // See Recordings::Events.
    virtual void on_recording_over(const recording::Status& status) = 0;
    virtual void on_watch_over(const WatchStatus& status) = 0;
  };
  using StopReply = std::move_only_function<void(Result<Stopped>)>;

  // `environment` and `events` outlive it; `label_limit`: see recording::Totals. Errors: invalid (the token
  // endpoint's settings).
  static Result<std::unique_ptr<ControlPlane>> create(Settings settings, const Environment& environment,
                                                      Events& events, std::size_t label_limit);

  // Recovers the recordings that earlier processes left in the folder: resumes those that were running, if
  // the settings allow it, and closes the others. From now on, running recordings can be resumed if this
  // process dies. Once, before anything else is started; blocks.
  void take_over();

  // Starts, or arranges to wait for the stream; does not wait for the network. Errors: conflict, invalid,
  // unavailable, exhausted.
  Result<Started> start(const StartRequest& request);
  // Errors: not_found.
  void stop(std::string_view mint_id, StopReply reply);

  enum class Drain : std::uint8_t { for_good, to_be_resumed };
  // Takes no more, ends every recording, then calls back: all files are whole.
  void drain(Drain drain, journal::EndReason reason, std::move_only_function<void()> drained);

  Recordings& recordings() { return recordings_; }
  const Recordings& recordings() const { return recordings_; }
  const RoomWatches& watches() const { return watches_; }
  // The live watch of that mint id's room; the last one, if it failed, or nothing was ever recorded.
  std::optional<WatchStatus> watch(std::string_view mint_id) const;
  const AdmissionGate& admission() const { return admission_; }
  WhipIngest& whip() { return whip_; }
  Readiness readiness() const { return draining_ ? Readiness::draining : disk_watch_.readiness(); }

 private:
  enum class Admit : std::uint8_t {
    ask,    // the machine may be full
    grant,  // it was running already
  };
  ControlPlane(Settings settings, const Environment& environment, Events& events, std::size_t label_limit);

  Result<void> check_start(std::string_view mint_id) const;
  RecordingPlan plan(StartRequest request, const RecordingOptions& options, std::string_view participant);
  Result<Started> start_recording(const StartRequest& request, std::string_view participant, Admit admit);
  Result<Started> start_watch(const StartRequest& request);
  Result<Recording*> start_whip(const std::string& mint_id);
  void resume(RecoveryPlan::Resumable resumable);
  void follow_room(Recording& recording, livekit::RoomAccess access, Duration wait_limit);
  void remember(Recording& recording, RunRecord::Source source);
  void check_drained();

  void on_new_file() override { events_.on_folder_changed(); }
  void on_recording_over(const recording::Status& status) override { events_.on_recording_over(status); }
  void on_recording_ended(const Recording& recording) override;
  void on_recording_removed(Recording& recording) override;
  Result<void> start_participant(const StartRequest& request, const std::string& identity) override;
  void on_watch_removed(const RoomWatch& watch) override;

  const Settings settings_;
  const Environment& environment_;
  Events& events_;
  std::optional<livekit::TokenEndpoint> endpoint_;
  Recordings recordings_;
  RoomWatches watches_;
  AdmissionGate admission_;
  WhipIngest whip_;
  DiskWatch disk_watch_;
  std::optional<Resumption> resumption_;  // once take_over() was called
  bool draining_ = false;
  Drain drain_ = Drain::for_good;
  std::move_only_function<void()> drained_;
  ThreadOwner owner_;  // the control thread
};

}  // namespace holdfast::control

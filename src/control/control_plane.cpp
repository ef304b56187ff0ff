#include "control/control_plane.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"
#include "control/livekit_source.hpp"
#include "control/whip_source.hpp"

namespace holdfast::control {
namespace {

// Longer than any gap's limit would let a resumed recording wait for its stream.
constexpr Duration resume_patience = std::chrono::hours(24 * 30);

}  // namespace

Result<std::unique_ptr<ControlPlane>> ControlPlane::create(Settings settings, const Environment& environment,
                                                           Events& events, std::size_t label_limit) {
  std::optional<livekit::TokenEndpoint> endpoint;
  if (!settings.token_endpoint.url.empty()) {
    auto made = livekit::TokenEndpoint::create(settings.token_endpoint);
    if (!made) return std::unexpected(std::move(made.error()));
    endpoint.emplace(std::move(*made));
  }
  std::unique_ptr<ControlPlane> control(
      new ControlPlane(std::move(settings), environment, events, label_limit));
  control->endpoint_ = std::move(endpoint);
  return control;
}

ControlPlane::ControlPlane(Settings settings, const Environment& environment, Events& events,
                           std::size_t label_limit)
    : settings_(std::move(settings)),
      environment_(environment),
      events_(events),
      recordings_(environment, *this, label_limit),
      watches_(environment, *this),
      admission_(environment, recordings_, settings_.admission_limit),
      whip_(recordings_, [this](const std::string& mint_id) { return start_whip(mint_id); }),
      disk_watch_(environment, settings_.recordings, settings_.min_free) {}

Result<void> ControlPlane::check_start(std::string_view mint_id) const {
  if (draining_) return fail(ErrorCode::unavailable, "{}: the service is shutting down", mint_id);
  if (disk_watch_.readiness() != Readiness::ready)
    return fail(ErrorCode::unavailable, "{}: {}", mint_id, disk_watch_.problem());
  return {};
}

RecordingPlan ControlPlane::plan(StartRequest request, const RecordingOptions& options,
                                 std::string_view participant) {
  return plan_recording(std::move(request), options, settings_, participant, environment_.clock.read().wall,
                        [this](std::string_view id) { return recordings_.has(id) || watches_.has(id); });
}

Result<Started> ControlPlane::start(const StartRequest& request) {
  owner_.check();
  if (Recording* running = recordings_.find_active(request.mint_id)) {
    // A WHIP stream that is live but not recorded yet waits for just this.
    const WhipSource* publisher = running->source() == nullptr ? nullptr : running->source()->whip();
    const bool waits = publisher != nullptr && !publisher->session_id.empty() &&
                       running->status().state == recording::State::waiting;
    if (!waits) {
      return fail(ErrorCode::conflict, "{} is already being recorded, as {}", request.mint_id, running->id());
    }
    running->session().arm();
    recording::Status status = running->status();
    status.state = recording::State::connecting;
    return status;
  }
  if (const RoomWatch* watch = watches_.find_of(request.mint_id)) {
    return fail(ErrorCode::conflict, "all participants of {} are already being recorded, by the watch {}",
                request.mint_id, watch->status().watch_id);
  }
  if (auto possible = check_start(request.mint_id); !possible) return std::unexpected(possible.error());
  return request.participants == Participants::all ? start_watch(request)
                                                   : start_recording(request, {}, Admit::ask);
}

Result<Started> ControlPlane::start_recording(const StartRequest& request, std::string_view participant,
                                              Admit admit) {
  auto access = room_access(request, settings_, endpoint_ ? &*endpoint_ : nullptr);
  if (!access) return std::unexpected(std::move(access.error()));
  const RecordingOptions options = request.options.over(settings_.recording);
  if (admit == Admit::ask) {
    if (auto admitted = admission_.admit(request.mint_id, transcoding(options)); !admitted)
      return std::unexpected(std::move(admitted.error()));
  }
  const std::size_t worker = admission_.choose_worker(transcoding(options));
  Recording& recording = recordings_.add(worker, plan(request, options, participant));
  remember(recording, RunRecord::Source::livekit);
  follow_room(recording, std::move(*access), settings_.wait_limit);
  return recording.status();
}

Result<Started> ControlPlane::start_watch(const StartRequest& request) {
  auto access = room_access(request, settings_, endpoint_ ? &*endpoint_ : nullptr);
  if (!access) return std::unexpected(std::move(access.error()));
  const RecordingOptions options = request.options.over(settings_.recording);
  RecordingPlan planned = plan(request, options, {});
  const std::string id = planned.session.output.recording_id;
  RoomWatch& watch = watches_.add(
      std::move(planned), membership_options(request, options, std::move(*access), id, settings_.wait_limit));
  if (resumption_) {
    // A watch has no options of its own: each recording that it starts takes those of that day.
    resumption_->remember({.recording_id = id, .source = RunRecord::Source::watch, .request = request},
                          [this, id](RunRecords::Lock lock) {
                            if (RoomWatch* of = watches_.find(id)) of->run_record = std::move(lock);
                          });
  }
  watch.start();
  return watch.status();
}

Result<void> ControlPlane::start_participant(const StartRequest& request, const std::string& identity) {
  if (auto possible = check_start(request.mint_id); !possible) return possible;
  if (recordings_.find_participant(request.mint_id, identity) != nullptr) return {};
  StartRequest one = request;
  one.participant = identity;
  one.participants = Participants::one;
  auto started = start_recording(one, identity, Admit::ask);
  if (!started) return std::unexpected(std::move(started.error()));
  log::info("{}: recording participant {} as {}", request.mint_id, identity,
            std::get<recording::Status>(*started).recording_id);
  return {};
}

Result<Recording*> ControlPlane::start_whip(const std::string& mint_id) {
  if (watches_.find_of(mint_id) != nullptr) {
    return fail(ErrorCode::conflict, "{} is already being published or recorded; stop that first", mint_id);
  }
  if (auto possible = check_start(mint_id); !possible) return std::unexpected(possible.error());
  const RecordingOptions& options = settings_.recording;
  if (auto admitted = admission_.admit(mint_id, transcoding(options)); !admitted)
    return std::unexpected(std::move(admitted.error()));
  RecordingPlan planned = plan({.mint_id = mint_id}, options, {});
  planned.session.nack = recording::Nack::where_offered;
  planned.session.arming = settings_.whip_record ? recording::Arming::armed : recording::Arming::waiting;
  Recording& recording = recordings_.add(admission_.choose_worker(transcoding(options)), std::move(planned));
  recording.attach(std::make_unique<WhipSource>());
  remember(recording, RunRecord::Source::whip);
  recording.open(RemoteSession::Port::shared);
  return &recording;
}

void ControlPlane::follow_room(Recording& recording, livekit::RoomAccess access, Duration wait_limit) {
  auto source =
      std::make_unique<LivekitSource>(environment_,
                                      membership_options(recording.request(), recording.options(),
                                                         std::move(access), recording.id(), wait_limit),
                                      recording);
  LivekitSource& started = *source;
  recording.attach(std::move(source));
  started.start();
}

void ControlPlane::take_over() {
  owner_.check();
  CHECK(!resumption_ && recordings_.empty() && watches_.empty());
  resumption_.emplace(environment_,
                      RecoveryOptions{settings_.recordings, settings_.resume, settings_.resume_limit});
  RecoveryPlan left = resumption_->take_over();
  // Before those that are resumed: a watch of a room cannot start while the mint id is being recorded.
  for (const RunRecord& record : left.restarted) {
    const bool is_watch = record.source == RunRecord::Source::watch;
    const auto started =
        is_watch ? start_watch(record.request) : start_recording(record.request, {}, Admit::grant);
    if (!started) {
      log::error("{}: cannot restart the recording that was requested before the restart: {}",
                 record.request.mint_id, started.error().message);
    }
  }
  for (RecoveryPlan::Resumable& resumable : left.resumable) resume(std::move(resumable));
}

void ControlPlane::resume(RecoveryPlan::Resumable resumable) {
  auto& [record, lock, recovered] = resumable;
  const bool whip = record.source == RunRecord::Source::whip;
  auto access = whip ? Result<livekit::RoomAccess>(livekit::RoomAccess{})
                     : room_access(record.request, settings_, endpoint_ ? &*endpoint_ : nullptr);
  const WallTime now = environment_.clock.read().wall;
  if (!access) {
    log::error("{}: cannot resume: {}", record.recording_id, access.error().message);
    resumption_->forget(record.recording_id);
    if (recovered.ended) return;
    const auto closed = archive::close_recovered(recovered, now);
    if (!closed) log::error("{}", closed.error().message);
    return;
  }
  // A record of version 0.1 has all options in its request.
  const RecordingOptions options = record.options.over(record.request.options.over(settings_.recording));
  RecordingPlan planned = plan(record.request, options, {});
  planned.session.start_time = recovered.start_time;
  planned.session.output.recording_id = record.recording_id;
  if (whip) planned.session.nack = recording::Nack::where_offered;
  planned.session.output.resume_point = recording::ResumePoint{.files = std::move(recovered.files),
                                                               .first_pts = recovered.first_pts,
                                                               .end_pts = recovered.end_pts,
                                                               .end_wall = recovered.end_wall};
  log::info("{}: resumed {:.1f} s after its last media{}", record.recording_id,
            to_seconds(now - recovered.end_wall), describe_trim(recovered.trimmed));
  const std::size_t worker = admission_.choose_worker(transcoding(options));
  Recording& recording = recordings_.add(worker, std::move(planned));
  recording.run_record = std::move(lock);
  if (whip) recording.attach(std::make_unique<WhipSource>());
  recording.open(whip ? RemoteSession::Port::shared : RemoteSession::Port::own);
  // The gap's limit says how long it waits for its stream.
  if (!whip) follow_room(recording, std::move(*access), std::max(settings_.wait_limit, resume_patience));
}

void ControlPlane::remember(Recording& recording, RunRecord::Source source) {
  if (!resumption_) return;
  resumption_->remember({.recording_id = recording.id(),
                         .source = source,
                         .request = recording.request(),
                         .options = GivenOptions::all_of(recording.options())},
                        [this, id = recording.id()](RunRecords::Lock lock) {
                          if (Recording* of = recordings_.find(id)) of->run_record = std::move(lock);
                        });
}

void ControlPlane::stop(std::string_view mint_id, StopReply reply) {
  owner_.check();
  auto watch = watches_.stop(mint_id);
  if (!watch) watch = this->watch(mint_id);
  recordings_.stop(mint_id, [id = std::string(mint_id), watch = std::move(watch),
                             reply = std::move(reply)](std::vector<recording::Status> recordings) mutable {
    if (recordings.empty() && !watch)
      return reply(fail(ErrorCode::not_found, "no recording of {} is known", id));
    reply(Stopped{std::move(recordings), std::move(watch)});
  });
}

std::optional<WatchStatus> ControlPlane::watch(std::string_view mint_id) const {
  auto watch = watches_.status(mint_id);
  const bool is_news = watch && (watch->state == WatchState::watching || watch->state == WatchState::failed ||
                                 recordings_.status(mint_id).empty());
  return is_news ? watch : std::nullopt;
}

void ControlPlane::drain(Drain drain, journal::EndReason reason, std::move_only_function<void()> drained) {
  owner_.check();
  CHECK(!draining_);
  draining_ = true;
  drain_ = drain;
  drained_ = std::move(drained);
  // A shutdown is not the wish of anybody that the stream is recorded no more.
  watches_.stop_all(drain == Drain::to_be_resumed ? WatchState::ended : WatchState::stopped);
  recordings_.end_all(reason);
  check_drained();
}

void ControlPlane::check_drained() {
  if (draining_ && recordings_.empty() && watches_.empty() && drained_) std::exchange(drained_, {})();
}

void ControlPlane::on_recording_ended(const Recording& recording) {
  const bool to_be_resumed = draining_ && drain_ == Drain::to_be_resumed &&
                             recording.status().end_reason == journal::EndReason::shutdown;
  if (!to_be_resumed && resumption_) resumption_->forget(recording.id());
}

void ControlPlane::on_recording_removed(Recording& recording) {
  whip_.handle_removed(recording);
  check_drained();
}

void ControlPlane::on_watch_removed(const RoomWatch& watch) {
  const bool to_be_resumed = draining_ && drain_ == Drain::to_be_resumed;
  if (!to_be_resumed && resumption_) resumption_->forget(watch.status().watch_id);
  events_.on_watch_over(watch.status());
  check_drained();
}

}  // namespace holdfast::control

#include "app/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/session_options.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "io/clock.hpp"
#include "io/process.hpp"
#include "storage/naming.hpp"

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration disk_check_interval = 5s;
constexpr Duration refused_again = 5s;
// The API promises an answer to stop within 2 s.
constexpr Duration stop_limit = 1800ms;
// Longer than any gap's limit would let it wait.
constexpr Duration resume_patience = std::chrono::hours(24 * 30);

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

recording::Transcoding transcoding(const recording::SessionOptions& options) {
  const bool aac =
      options.output.audio == recording::AudioMode::aac && options.output.format != container::Format::mkv;
  return aac ? recording::Transcoding::aac : recording::Transcoding::none;
}

}  // namespace

struct Service::Entry final : LivekitSource::Watcher {
  explicit Entry(Service& owner) : service(owner) {}
  void on_participant(const std::string& identity) override { service.start_participant(request, identity); }

  Service& service;
  api::StartRequest request;  // for a watcher: what each participant's recording is asked with
  std::shared_ptr<RecordingTask> task;
  std::unique_ptr<LivekitSource> source;  // LiveKit only
  bool watches = false;                   // starts others, records nothing itself
  std::string whip_session;               // WHIP only
  bool whip_connected = false;
  bool awaits_publisher = false;  // WHIP: gone on with after a restart, nobody has come yet
  RunRecords::Lock run_record;    // so that nobody else goes on with it
  std::set<std::string> refused;  // a watcher's: participants for whom there was no room
};

Result<std::unique_ptr<Service>> Service::create(const Config& config, io::ControlLoop& control,
                                                 MediaThreads& media) {
  std::unique_ptr<Service> service(new Service(config, control, media));
  if (!config.token_endpoint.url.empty()) {
    auto endpoint = livekit::TokenEndpoint::create(config.token_endpoint);
    if (!endpoint) return std::unexpected(endpoint.error());
    service->endpoint_ = std::make_unique<livekit::TokenEndpoint>(std::move(*endpoint));
  }
  if (auto made = media.disk().make_directories(config.recordings); !made)
    return std::unexpected(made.error());
  service->check_disk();
  return service;
}

Service::Service(const Config& config, io::ControlLoop& control, MediaThreads& media)
    : config_(config),
      control_(control),
      media_(media),
      archivist_(config, control, media.disk(), [this] { return in_hand(); }),
      finalizer_(control, media.disk()),
      disk_check_(control),
      load_meter_(control, media),
      admission_(config.admission_limit),
      retry_(control),
      totals_(config.metrics_label_limit) {}

Service::~Service() = default;

Result<livekit::RoomAccess> Service::room_access(const api::StartRequest& request) const {
  livekit::RoomAccess access;
  access.server_url = request.livekit_url.empty() ? config_.livekit_url : request.livekit_url;
  access.token = request.token;
  access.endpoint = endpoint_.get();
  access.api_key = config_.livekit_api_key;
  access.api_secret = config_.livekit_api_secret;
  access.room = replace_all(config_.livekit_room, "{mint_id}", request.mint_id);
  const bool endpoint_names_server = endpoint_ && !config_.token_endpoint.server_url_pointer.empty();
  if (access.server_url.empty() && !endpoint_names_server) {
    return fail(ErrorCode::invalid,
                "no LiveKit server is configured for {}: set livekit_url, or send livekit_url in the request",
                request.mint_id);
  }
  if (access.token.empty() && access.endpoint == nullptr && access.api_key.empty()) {
    return fail(ErrorCode::invalid,
                "no credentials to join the room of {}: set livekit_api_key and livekit_api_secret or "
                "token_endpoint.url, or send a token in the request",
                request.mint_id);
  }
  return access;
}

Result<void> Service::check_start(const api::StartRequest& request) const {
  if (draining_) return fail(ErrorCode::unavailable, "{}: the service is shutting down", request.mint_id);
  if (disk_ != api::Readiness::ready)
    return fail(ErrorCode::unavailable, "{}: {}", request.mint_id, disk_problem_);
  return {};
}

recording::MachineLoad Service::machine_load() const {
  const Instant now = io::read_monotonic_clock();
  recording::MachineLoad load = load_meter_.read();
  for (const auto& entry : entries_) {
    const RecordingTask& task = *entry->task;
    if (entry->watches || !task.active()) continue;
    const Duration flowed = task.flows_since() == never ? Duration::zero() : now - task.flows_since();
    const auto add = [&](recording::Burden& burden) {
      ++burden.count;
      burden.shown += std::clamp(to_seconds(flowed) / to_seconds(LoadMeter::window), 0.0, 1.0);
      burden.fresh += now - task.made_at() < recording::Admission::settling;
    };
    recording::WorkerLoad& worker = load.workers[task.worker()];
    add(worker.recordings);
    if (transcoding(task.options()) == recording::Transcoding::aac) add(worker.transcoded);
  }
  return load;
}

Result<void> Service::admit(std::string_view mint_id, const recording::SessionOptions& options) {
  const auto refusal = admission_.judge(machine_load(), transcoding(options));
  if (!refusal) return {};
  ++refused_[std::to_underlying(refusal->resource)];
  return fail(ErrorCode::exhausted, "cannot record {}: {}", mint_id, refusal->why);
}

recording::SessionOptions Service::session_options(const api::StartRequest& request,
                                                   std::string_view participant_suffix) {
  recording::SessionOptions options = make_session_options(request, config_);
  options.start_time = io::read_wall_clock();
  // File names have milliseconds: a mint id that starts twice within one takes the next.
  const auto name = [&] {
    const std::string id = participant_suffix.empty()
                               ? request.mint_id
                               : fmt::format("{}_{}", request.mint_id, participant_suffix);
    return storage::base_name(id, options.start_time);
  };
  options.output.recording_id = name();
  const auto taken = [&](const std::string& id) {
    return std::ranges::any_of(ended_, [&](const auto& status) { return status.recording_id == id; });
  };
  while (taken(options.output.recording_id)) {
    options.start_time += 1ms;
    options.output.recording_id = name();
  }
  return options;
}

Service::Entry& Service::add(recording::SessionOptions options) {
  auto entry = std::make_unique<Entry>(*this);
  RecordingTask::Context context{
      media_,
      recording::Admission::choose(machine_load(), transcoding(options)),
      control_,
      finalizer_,
      [this] { archivist_.look_again(); },
      [this](RecordingTask& task) { on_session_over(task); },
      [this](RecordingTask& task) { on_ended(task); },
      [this](RecordingTask& task, const std::string&) { on_connection_lost(task); }};
  entry->task = std::make_shared<RecordingTask>(std::move(context), std::move(options));
  entries_.push_back(std::move(entry));
  return *entries_.back();
}

Service::Entry* Service::find_active(std::string_view mint_id) {
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) {
    return entry->task->active() && entry->task->status().mint_id == mint_id;
  });
  return found == entries_.end() ? nullptr : found->get();
}

Service::Entry* Service::find_whip(const std::string& session_id) {
  const auto found =
      std::ranges::find(entries_, session_id, [](const auto& entry) { return entry->whip_session; });
  return found == entries_.end() ? nullptr : found->get();
}

void Service::start(api::StartRequest request, StatusReply reply) {
  const bool watches = request.participants == api::Participants::all;
  start(request, watches ? Admit::granted : Admit::asked, std::move(reply));
}

void Service::start(const api::StartRequest& asked, Admit admit, StatusReply reply) {
  const api::StartRequest request = complete(asked, config_);
  if (Entry* running = find_active(request.mint_id)) {
    // A WHIP stream that is live but not recorded yet waits for just this.
    if (!running->whip_session.empty() && running->task->status().state == recording::State::waiting) {
      running->task->host().arm();
      recording::Status status = running->task->status();
      status.state = recording::State::connecting;
      reply(std::move(status));
      return;
    }
    reply(fail(ErrorCode::conflict, "{} is already being recorded, as {}", request.mint_id,
               running->task->status().recording_id));
    return;
  }
  if (auto possible = check_start(request); !possible) {
    reply(std::unexpected(possible.error()));
    return;
  }
  auto access = room_access(request);
  if (!access) {
    reply(std::unexpected(access.error()));
    return;
  }
  auto options = session_options(request, {});
  if (admit == Admit::asked) {
    if (auto admitted = this->admit(request.mint_id, options); !admitted) {
      reply(std::unexpected(admitted.error()));
      return;
    }
  }
  Entry& entry = add(std::move(options));
  entry.watches = request.participants == api::Participants::all;
  // A watch has no options of its own: each recording that it starts takes those of that day.
  entry.request = entry.watches ? asked : request;
  remember(entry, entry.watches ? RunRecord::Source::watch : RunRecord::Source::livekit);
  follow_room(entry, request, std::move(*access));
  reply(entry.task->status());
}

void Service::follow_room(Entry& entry, const api::StartRequest& request, livekit::RoomAccess access) {
  LivekitSource::Options options;
  options.access = std::move(access);
  options.room.mode = entry.watches ? livekit::RoomMode::watch : livekit::RoomMode::record;
  options.room.participant = request.participant;
  options.room.track_wait = config_.track_wait;
  options.room.quality = to_quality(*request.video_quality);
  options.wait_limit = config_.wait_limit;
  // Of one that goes on, the gap's limit says how long.
  if (entry.task->options().output.resume_point)
    options.wait_limit = std::max(options.wait_limit, resume_patience);
  entry.source =
      std::make_unique<LivekitSource>(LivekitSource::Context{control_, http_, random_}, std::move(options),
                                      *entry.task, entry.watches ? &entry : nullptr);
  entry.source->start();
}

void Service::take_over() {
  running_ = std::make_unique<RunRecords>(media_.disk(), config_.recordings);
  RecoveryPlan left =
      make_recovery_plan(media_.disk(), *running_, {config_.recordings, config_.resume, config_.resume_limit},
                         io::read_wall_clock());
  // Before those that are resumed: a watch of a room cannot start while the mint id is being recorded.
  for (const RunRecord& recording : left.restarted) {
    start(recording.request, Admit::granted, [&](const Result<recording::Status>& started) {
      if (!started) {
        log::error("{}: cannot restart the recording that was requested before the restart: {}",
                   recording.request.mint_id, started.error().message);
      }
    });
  }
  for (RecoveryPlan::Resumable& recording : left.resumable) resume(std::move(recording));
}

void Service::resume(RecoveryPlan::Resumable resumable) {
  auto& [record, lock, recovered] = resumable;
  const api::StartRequest request = complete(record.request, config_);
  const bool whip = record.source == RunRecord::Source::whip;
  auto access = whip ? Result<livekit::RoomAccess>(livekit::RoomAccess{}) : room_access(request);
  if (!access) {
    log::error("{}: cannot resume: {}", record.recording_id, access.error().message);
    forget(record.recording_id);
    if (recovered.ended) return;
    const auto closed = archive::close_recovered(recovered, io::read_wall_clock());
    if (!closed) log::error("{}", closed.error().message);
    return;
  }
  auto options = session_options(request, {});
  options.start_time = recovered.start_time;
  options.output.recording_id = record.recording_id;
  if (whip) options.nack = recording::Nack::where_offered;
  options.output.resume_point = recording::ResumePoint{.files = std::move(recovered.files),
                                                       .first_pts = recovered.first_pts,
                                                       .end_pts = recovered.end_pts,
                                                       .end_wall = recovered.end_wall};
  log::info("{}: resumed {:.1f} s after its last media{}", record.recording_id,
            to_seconds(io::read_wall_clock() - recovered.end_wall), describe_trim(recovered.trimmed));
  Entry& entry = add(std::move(options));
  entry.request = request;
  entry.run_record = std::move(lock);
  entry.awaits_publisher = whip;
  entry.task->open(whip ? SessionHost::Port::shared : SessionHost::Port::own);
  if (!whip) follow_room(entry, request, std::move(*access));
}

// For a process that comes after us.
void Service::remember(Entry& entry, RunRecord::Source source) {
  if (!running_) return;
  RunRecord record{entry.task->status().recording_id, source, entry.request};
  running_thread_.post([this, record = std::move(record)] {
    control_.post([this, id = record.recording_id, saved = running_->save(record)] {
      const auto of =
          std::ranges::find(entries_, id, [](const auto& each) { return each->task->status().recording_id; });
      if (!saved) {
        log::warn("{}: will not be resumed after a restart: {}", id, saved.error().message);
      } else if (of != entries_.end()) {
        (*of)->run_record = *saved;
      }
    });
  });
}

void Service::forget(const std::string& recording_id) {
  if (!running_) return;
  running_thread_.post([this, recording_id] {
    if (auto forgotten = running_->forget(recording_id); !forgotten)
      log::error("{}", forgotten.error().message);
  });
}

void Service::start_participant(const api::StartRequest& request, const std::string& identity) {
  const auto runs = std::ranges::any_of(entries_, [&](const auto& entry) {
    return !entry->watches && entry->task->active() && entry->task->status().mint_id == request.mint_id &&
           entry->request.participant == identity;
  });
  if (runs) return;
  api::StartRequest one = complete(request, config_);
  one.participant = identity;
  one.participants = api::Participants::one;
  auto access = room_access(one);
  if (!access) return;
  auto options = session_options(one, identity);
  if (auto admitted = admit(request.mint_id, options); !admitted) {
    const auto watcher = std::ranges::find_if(entries_, [&](const auto& entry) {
      return entry->watches && entry->task->active() && entry->task->status().mint_id == request.mint_id;
    });
    if (watcher == entries_.end()) return;
    if ((*watcher)->refused.insert(identity).second) {
      log::warn("{}: cannot record participant {} yet: {}", request.mint_id, identity,
                admitted.error().message);
    }
    retry_.start(refused_again, [this] { start_refused_participants(); });
    return;
  }
  Entry& entry = add(std::move(options));
  entry.request = one;
  log::info("{}: recording participant {} as {}", request.mint_id, identity,
            entry.task->status().recording_id);
  remember(entry, RunRecord::Source::livekit);
  follow_room(entry, one, std::move(*access));
}

void Service::start_refused_participants() {
  std::vector<std::pair<api::StartRequest, std::set<std::string>>> again;
  for (const auto& entry : entries_) {
    if (entry->watches && entry->task->active() && !entry->refused.empty())
      again.emplace_back(entry->request, std::exchange(entry->refused, {}));
  }
  for (const auto& [request, identities] : again) {
    for (const std::string& identity : identities) start_participant(request, identity);
  }
}

void Service::stop(std::string_view mint_id, StatusListReply reply) {
  // The replies of all its recordings, together; or, should a disk not answer, what is known when the limit
  // comes.
  struct Gathering {
    explicit Gathering(io::ControlLoop& loop) : limit(loop) {}
    std::vector<std::shared_ptr<RecordingTask>> tasks;
    std::size_t missing = 0;
    StatusListReply reply;
    io::Timer limit;

    void finish() {
      if (!reply) return;
      std::vector<recording::Status> statuses;
      statuses.reserve(tasks.size());
      for (const auto& task : tasks) statuses.push_back(task->status());
      std::exchange(reply, {})(std::move(statuses));
    }
  };
  auto gathering = std::make_shared<Gathering>(control_);
  for (const auto& entry : entries_) {
    if (entry->task->status().mint_id != mint_id) continue;
    gathering->tasks.push_back(entry->task);
    if (entry->source) entry->source->leave();
  }
  if (gathering->tasks.empty()) {
    auto known = status(mint_id);
    if (known.empty()) {
      reply(fail(ErrorCode::not_found, "no recording of {} is known", mint_id));
    } else {
      reply(std::vector{known.front()});
    }
    return;
  }
  gathering->reply = std::move(reply);
  gathering->missing = gathering->tasks.size();
  gathering->limit.start(stop_limit, [gathering] { gathering->finish(); });
  for (const auto& task : std::vector(gathering->tasks)) {
    task->finish(journal::EndReason::stopped, [gathering](const Result<recording::Status>&) {
      if (--gathering->missing > 0) return;
      gathering->limit.cancel();
      gathering->finish();
    });
  }
}

Result<std::vector<recording::Status>> Service::split(std::string_view mint_id) {
  std::vector<recording::Status> splitting;
  for (const auto& entry : entries_) {
    const RecordingTask& task = *entry->task;
    if (task.status().mint_id != mint_id || !task.active() || !task.started()) continue;
    entry->task->host().split();
    splitting.insert(splitting.begin(), task.status());
  }
  if (splitting.empty())
    return fail(ErrorCode::not_found, "{} is not being recorded, or has no media yet", mint_id);
  return splitting;
}

std::vector<recording::Status> Service::status(std::string_view mint_id) const {
  std::vector<recording::Status> found;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if ((*entry)->task->status().mint_id == mint_id) found.push_back((*entry)->task->status());
  }
  for (auto ended = ended_.rbegin(); ended != ended_.rend(); ++ended) {
    if (ended->mint_id == mint_id) found.push_back(*ended);
  }
  return found;
}

std::vector<recording::Status> Service::active() const {
  std::vector<recording::Status> found;
  found.reserve(entries_.size());
  for (const auto& entry : entries_) found.push_back(entry->task->status());
  return found;
}

std::vector<std::string> Service::in_hand() const {
  std::vector<std::string> ids;
  ids.reserve(entries_.size());
  for (const auto& entry : entries_) ids.push_back(entry->task->status().recording_id);
  return ids;
}

void Service::recordings(archive::Query query, PageReply reply) {
  archivist_.list(std::move(query), std::move(reply));
}

void Service::protect(std::string recording_id, api::Protection protection, ProtectReply reply) {
  const auto running = std::ranges::find_if(entries_, [&](const auto& entry) {
    return entry->task->status().recording_id == recording_id && entry->task->is_open();
  });
  if (running == entries_.end()) {
    archivist_.protect(std::move(recording_id), protection, std::move(reply));
    return;
  }
  (*running)->task->host().note(
      journal::ProtectEvent{protection == api::Protection::on},
      [recording_id, reply = std::move(reply)](bool noted) mutable {
        if (noted) return reply({});
        reply(fail(ErrorCode::conflict, "{} has no file yet, or is ending; try again", recording_id));
      });
}

void Service::mark(std::string mint_id, std::string text, MarkReply reply) {
  struct Gathering {
    std::size_t missing = 0;
    std::vector<std::string> ids;
    MarkReply reply;
  };
  auto gathering = std::make_shared<Gathering>();
  for (const auto& entry : entries_) {
    if (entry->task->status().mint_id != mint_id || !entry->task->is_open()) continue;
    ++gathering->missing;
    entry->task->host().note(
        journal::MarkerEvent{text},
        [gathering, mint_id, id = entry->task->status().recording_id](bool noted) {
          if (noted) gathering->ids.push_back(id);
          if (--gathering->missing > 0) return;
          if (!gathering->ids.empty()) return gathering->reply(std::move(gathering->ids));
          gathering->reply(fail(ErrorCode::conflict, "{} has no file yet, or is ending; try again", mint_id));
        });
  }
  if (gathering->missing == 0) {
    reply(fail(ErrorCode::not_found, "{} is not being recorded", mint_id));
    return;
  }
  // Nobody replies before this returns: the workers post.
  gathering->reply = std::move(reply);
}

api::ProcessMetrics Service::metrics() const {
  api::ProcessMetrics metrics;
  metrics.memory_bytes = io::resident_memory();
  storage::FileWriter::Counters disk = ended_disk_;
  for (const auto& entry : entries_) disk += entry->task->disk();
  metrics.write_latency = disk.commit_to_written;
  metrics.failed_writes = disk.failed_writes;
  metrics.durable_latency = disk.written_to_durable;
  metrics.failed_syncs = disk.failed_syncs;
  metrics.archive = archivist_.metrics();
  metrics.load = load_meter_.read();
  metrics.refused = refused_;
  return metrics;
}

const recording::Totals& Service::totals() {
  for (const auto& entry : entries_) {
    if (!entry->task->ended()) totals_.update(entry->task->status());
  }
  return totals_;
}

api::Readiness Service::readiness() const {
  return draining_ ? api::Readiness::draining : disk_;
}

void Service::check_disk() {
  scanner_.post([this] {
    auto space = media_.disk().free_space(config_.recordings);
    control_.post([this, space = std::move(space)] {
      if (!space) {
        disk_ = api::Readiness::disk_failing;
        disk_problem_ = space.error().message;
      } else if (*space < config_.min_free.bytes) {
        disk_ = api::Readiness::disk_full;
        disk_problem_ =
            fmt::format("only {} are free in {}, less than min_free ({}); free some space, or lower min_free",
                        format_byte_size({*space}), config_.recordings, format_byte_size(config_.min_free));
      } else {
        disk_ = api::Readiness::ready;
      }
      disk_check_.start(disk_check_interval, [this] { check_disk(); });
    });
  });
}

void Service::offer(whip::Offer offer, AnswerReply reply) {
  Entry* entry = find_active(offer.mint_id);
  // One who lost the connection without a goodbye comes back before we can know that the former one is dead.
  const bool is_heard = entry != nullptr && entry->whip_connected &&
                        entry->task->status().since_last_packet < recording::GapWatch::gap_after;
  const bool publisher_back =
      entry != nullptr && (!entry->whip_session.empty() || entry->awaits_publisher) && !is_heard;
  if (entry != nullptr && !publisher_back) {
    reply(fail(ErrorCode::conflict, "{} is already being published or recorded; stop that first",
               offer.mint_id));
    return;
  }
  const api::StartRequest request = complete({.mint_id = offer.mint_id}, config_);
  if (entry == nullptr) {
    if (auto possible = check_start(request); !possible) {
      reply(std::unexpected(possible.error()));
      return;
    }
    auto options = session_options(request, {});
    options.nack = recording::Nack::where_offered;
    options.arming = config_.whip_record ? recording::Arming::armed : recording::Arming::waiting;
    if (auto admitted = admit(offer.mint_id, options); !admitted) {
      reply(std::unexpected(admitted.error()));
      return;
    }
    entry = &add(std::move(options));
    entry->request = request;
    remember(*entry, RunRecord::Source::whip);
    entry->task->open(SessionHost::Port::shared);
  }
  if (!entry->whip_session.empty() && on_whip_session_over) on_whip_session_over(entry->whip_session);
  entry->whip_session = offer.session_id;
  entry->whip_connected = true;
  const auto connection = publisher_back ? SessionHost::Connection::renewed : SessionHost::Connection::same;
  entry->task->host().accept_offer(
      std::move(offer.sdp), connection,
      [task = entry->task, publisher_back, reply = std::move(reply)](Result<std::string> answer) mutable {
        if (!answer && !publisher_back) task->fail(answer.error().message);
        reply(std::move(answer));
      });
}

void Service::trickle(const std::string& session_id, whip::Fragment fragment, DoneReply reply) {
  Entry* entry = find_whip(session_id);
  if (entry == nullptr || !entry->task->active()) {
    reply(fail(ErrorCode::not_found, "this WHIP session has ended"));
    return;
  }
  for (std::string& candidate : fragment.candidates)
    entry->task->host().add_remote_candidate(std::move(candidate));
  reply({});
}

void Service::restart_ice(const std::string& session_id, whip::Fragment fragment, IceReply reply) {
  Entry* entry = find_whip(session_id);
  if (entry == nullptr || !entry->task->active()) {
    reply(fail(ErrorCode::not_found, "this WHIP session has ended"));
    return;
  }
  peer::IceDescription remote{{fragment.ufrag, fragment.pwd}, std::move(fragment.candidates)};
  entry->task->host().restart_ice(
      std::move(remote),
      [fragment = std::move(fragment), reply = std::move(reply)](Result<peer::IceDescription> ours) mutable {
        if (!ours) return reply(std::unexpected(ours.error()));
        fragment.ufrag = std::move(ours->credentials.ufrag);
        fragment.pwd = std::move(ours->credentials.pwd);
        fragment.candidates = std::move(ours->candidates);
        fragment.end_of_candidates = true;
        reply(std::move(fragment));
      });
}

void Service::close(const std::string& session_id, DoneReply reply) {
  Entry* entry = find_whip(session_id);
  if (entry == nullptr) {
    reply(fail(ErrorCode::not_found, "this WHIP session has ended"));
    return;
  }
  entry->task->finish(journal::EndReason::stream_ended,
                      [reply = std::move(reply)](const Result<recording::Status>&) mutable { reply({}); });
}

void Service::on_connection_lost(RecordingTask& task) {
  const auto entry = std::ranges::find(entries_, &task, [](const auto& item) { return item->task.get(); });
  if (entry == entries_.end()) return;
  (*entry)->whip_connected = false;
  if ((*entry)->source) (*entry)->source->handle_media_lost();
}

void Service::on_session_over(RecordingTask& task) {
  archivist_.look_again();
  if (!on_recording_over) return;
  // Not from within what called us.
  control_.post([this, status = task.status()] { on_recording_over(status); });
}

void Service::on_ended(RecordingTask& task) {
  const recording::Status& status = task.status();
  const bool to_be_resumed =
      draining_ && drain_ == Drain::to_be_resumed && status.end_reason == journal::EndReason::shutdown;
  if (!to_be_resumed) forget(status.recording_id);
  log::info("{}: {} ({}), {} bytes in {} files, {:.1f} s of media", status.recording_id,
            recording::to_string(status.state), to_string(status.end_reason.value()), status.file_size_bytes,
            status.output_paths.size(), to_seconds(status.duration));
  ended_disk_ += task.disk();
  totals_.end(status);
  ended_.push_back(status);
  if (ended_.size() > max_remembered) ended_.pop_front();
  // Not from within what called us: the task's own function, or its source's.
  control_.post([this, task = task.shared_from_this()] {
    const auto entry = std::ranges::find(entries_, task, [](const auto& item) { return item->task; });
    if (!(*entry)->whip_session.empty() && on_whip_session_over) on_whip_session_over((*entry)->whip_session);
    if ((*entry)->source) say_goodbye(std::move(*entry));
    entries_.erase(entry);
    if (draining_ && entries_.empty() && drained_) std::exchange(drained_, {})();
  });
}

// A server that hears us leave need not wait for our silence: the connection lives on until the goodbye is
// out.
void Service::say_goodbye(std::unique_ptr<Entry> entry) {
  entry->source->leave();
  auto timer = std::make_shared<io::Timer>(control_);
  timer->start(2 * livekit::Room::leave_timeout, [timer, entry = std::move(entry)] {});
}

void Service::drain(Drain drain, journal::EndReason reason, std::move_only_function<void()> drained) {
  draining_ = true;
  drain_ = drain;
  if (entries_.empty()) {
    drained();
    return;
  }
  drained_ = std::move(drained);
  for (const auto& entry : entries_) {
    if (entry->source) entry->source->leave();
    entry->task->finish(reason, {});
  }
}

}  // namespace holdfast::app

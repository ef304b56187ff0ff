#include "control/recordings.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"
#include "control/whip_source.hpp"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;

// The API promises an answer to stop within 2 s.
constexpr Duration stop_limit = 1800ms;

template <typename Condition>
Recording* find_in(const std::vector<std::unique_ptr<Recording>>& live, Condition condition) {
  const auto found = std::ranges::find_if(live, [&](const auto& each) { return condition(*each); });
  return found == live.end() ? nullptr : found->get();
}

}  // namespace

// One call of stop(), until all that it ended have.
struct Recordings::Stopping {
  Stopping(Timers& timers, StatusListReply to) : limit(timers), reply(std::move(to)) {}
  Timer limit;
  StatusListReply reply;
  std::vector<std::string> ids;
  std::size_t missing = 0;
};

Recordings::Recordings(const Environment& environment, Events& events, std::size_t label_limit)
    : environment_(environment), events_(events), leaving_(environment), totals_(label_limit) {}

Recording& Recordings::add(std::size_t worker, RecordingPlan plan) {
  CHECK(!has(plan.session.output.recording_id));
  Recording::Owner& owner = *this;
  live_.push_back(std::make_unique<Recording>(environment_, owner, worker, std::move(plan)));
  return *live_.back();
}

Recording* Recordings::find_active(std::string_view mint_id) {
  return find_in(live_, [&](Recording& each) { return each.is_active() && each.mint_id() == mint_id; });
}

Recording* Recordings::find(std::string_view recording_id) {
  return find_in(live_, [&](Recording& each) { return each.id() == recording_id; });
}

Recording* Recordings::find_whip(std::string_view session_id) {
  return find_in(live_, [&](Recording& each) {
    const WhipSource* source = each.source() == nullptr ? nullptr : each.source()->whip();
    return source != nullptr && source->session_id == session_id;
  });
}

Recording* Recordings::find_participant(std::string_view mint_id, std::string_view identity) {
  return find_in(live_, [&](Recording& each) {
    return each.is_active() && each.mint_id() == mint_id && each.request().participant == identity;
  });
}

bool Recordings::has(std::string_view recording_id) const {
  const auto is_it = [&](const recording::Status& status) { return status.recording_id == recording_id; };
  return std::ranges::any_of(ended_, is_it) ||
         std::ranges::any_of(live_, [&](const auto& each) { return is_it(each->status()); });
}

std::vector<recording::Status> Recordings::active() const {
  std::vector<recording::Status> statuses;
  statuses.reserve(live_.size());
  for (const auto& each : live_) statuses.push_back(each->status());
  return statuses;
}

std::vector<std::string> Recordings::active_ids() const {
  std::vector<std::string> ids;
  ids.reserve(live_.size());
  for (const auto& each : live_) ids.push_back(each->id());
  return ids;
}

std::vector<recording::Status> Recordings::status(std::string_view mint_id) const {
  std::vector<recording::Status> found;
  for (const auto& each : live_ | std::views::reverse) {
    if (each->mint_id() == mint_id) found.push_back(each->status());
  }
  for (const recording::Status& status : ended_ | std::views::reverse) {
    if (status.mint_id == mint_id) found.push_back(status);
  }
  return found;
}

void Recordings::stop(std::string_view mint_id, StatusListReply reply) {
  auto stopping = std::make_shared<Stopping>(environment_.timers, std::move(reply));
  for (const auto& each : live_) {
    if (each->mint_id() == mint_id) stopping->ids.push_back(each->id());
  }
  if (stopping->ids.empty()) {
    auto known = status(mint_id);
    if (known.size() > 1) known.resize(1);
    return stopping->reply(std::move(known));
  }
  const auto answer = [this, stopping] {
    if (!stopping->reply) return;
    stopping->limit.cancel();
    std::vector<recording::Status> statuses;
    for (const std::string& id : stopping->ids) {
      const auto is_it = [&](const recording::Status& status) { return status.recording_id == id; };
      if (const Recording* live = find(id)) {
        statuses.push_back(live->status());
      } else if (const auto ended = std::ranges::find_if(ended_, is_it); ended != ended_.end()) {
        statuses.push_back(*ended);
      }
    }
    std::exchange(stopping->reply, {})(std::move(statuses));
  };
  stopping->missing = stopping->ids.size();
  stopping->limit.start(environment_.clock.read().instant + stop_limit, answer);
  for (const std::string& id : stopping->ids) {
    Recording* recording = find(id);
    if (recording->source() != nullptr) recording->source()->leave();
    recording->finish(journal::EndReason::stopped, [stopping, answer] {
      if (--stopping->missing == 0) answer();
    });
  }
}

std::vector<recording::Status> Recordings::split(std::string_view mint_id) {
  std::vector<recording::Status> splitting;
  for (const auto& each : live_ | std::views::reverse) {
    if (each->mint_id() != mint_id || !each->is_active() || !each->has_media() || !each->is_open()) continue;
    each->session().split();
    splitting.push_back(each->status());
  }
  return splitting;
}

void Recordings::note(Recording& recording, journal::Event event, NoteReply reply) {
  recording.session().note(
      std::move(event), [id = recording.id(), reply = std::move(reply)](bool noted) mutable {
        if (noted) return reply({});
        reply(fail(ErrorCode::conflict, "{} has no file yet, or is ending; try again", id));
      });
}

void Recordings::mark(std::string_view mint_id, const std::string& text, MarkReply reply) {
  struct Gathering {
    std::size_t missing = 0;
    std::vector<std::string> ids;
    Error problem;
    MarkReply reply;
  };
  std::vector<Recording*> open;
  for (const auto& each : live_) {
    if (each->mint_id() == mint_id && each->is_open()) open.push_back(each.get());
  }
  if (open.empty()) return reply(fail(ErrorCode::not_found, "{} is not being recorded", mint_id));
  auto gathering = std::make_shared<Gathering>();
  gathering->missing = open.size();
  gathering->reply = std::move(reply);
  for (Recording* each : open) {
    note(*each, journal::MarkerEvent{text}, [gathering, id = each->id()](Result<void> noted) {
      if (noted) gathering->ids.push_back(id);
      if (!noted) gathering->problem = std::move(noted.error());
      if (--gathering->missing > 0) return;
      if (!gathering->ids.empty()) return gathering->reply(std::move(gathering->ids));
      gathering->reply(std::unexpected(std::move(gathering->problem)));
    });
  }
}

void Recordings::end_all(journal::EndReason reason) {
  std::vector<Recording*> all;
  all.reserve(live_.size());
  for (const auto& each : live_) all.push_back(each.get());
  for (Recording* each : all) {
    if (each->source() != nullptr) each->source()->leave();
    each->finish(reason, {});
  }
}

storage::FileWriter::Counters Recordings::disk() const {
  storage::FileWriter::Counters disk = ended_disk_;
  for (const auto& each : live_) disk += each->disk();
  return disk;
}

const recording::Totals& Recordings::totals() {
  for (const auto& each : live_) {
    if (!each->has_ended()) totals_.update(each->status());
  }
  return totals_;
}

void Recordings::on_session_over(Recording& recording) {
  events_.on_new_file();
  environment_.control.post([this, status = recording.status()] { events_.on_recording_over(status); });
}

void Recordings::on_ended(Recording& recording) {
  const recording::Status& status = recording.status();
  log::info("{}: {} ({}), {} bytes in {} files, {:.1f} s of media", status.recording_id,
            recording::to_string(status.state), to_string(status.end_reason.value()), status.file_size_bytes,
            status.output_paths.size(), to_seconds(status.duration));
  ended_disk_ += recording.disk();
  totals_.end(status);
  ended_.push_back(status);
  if (ended_.size() > max_remembered) ended_.pop_front();
  events_.on_recording_ended(recording);
  // Not from within what called us: the recording's own function, or its source's.
  environment_.control.post([this, id = recording.id()] { remove(id); });
}

void Recordings::remove(const std::string& recording_id) {
  const auto found = std::ranges::find(live_, recording_id, [](const auto& each) { return each->id(); });
  std::unique_ptr<Recording> gone = std::move(*found);
  live_.erase(found);
  events_.on_recording_removed(*gone);
  if (gone->source() == nullptr) return;
  gone->source()->leave();
  leaving_.keep(std::move(gone));
}

}  // namespace holdfast::control

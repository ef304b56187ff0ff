#include "app/inheritance.hpp"

#include <utility>

#include "base/log.hpp"
#include "storage/naming.hpp"

namespace holdfast::app {
namespace {

class Heir {
 public:
  Heir(storage::Disk& disk, RunningFiles& running, const InheritanceOptions& options, WallTime now)
      : disk_(disk), running_(running), options_(options), now_(now) {}

  // One that its process knew to be running.
  void take(RunningFiles::Kept kept);
  // One of which there is only the journal.
  void take(const std::string& journal);

  Inheritance inheritance;

 private:
  bool may_resume(const archive::Leftover& leftover) const {
    return options_.resume && leftover.has_media && now_ - leftover.end_wall <= options_.resume_limit;
  }
  void restart(RunningRecording running);
  void close(const archive::Leftover& leftover);
  void forget(const std::string& recording_id);

  storage::Disk& disk_;
  RunningFiles& running_;
  const InheritanceOptions& options_;
  const WallTime now_;
};

void Heir::take(RunningFiles::Kept kept) {
  using Source = RunningRecording::Source;
  const std::string id = kept.running.recording_id;
  if (kept.running.source == Source::watch) return restart(std::move(kept.running));
  auto leftover =
      archive::take_over(disk_, options_.recordings, storage::journal_name(id), now_, shutdown_reason);
  if (!leftover) {
    if (leftover.error().code == ErrorCode::not_found) return restart(std::move(kept.running));
    log::error("{}", leftover.error().message);  // and the next start tries again
    return;
  }
  if (*leftover && may_resume(**leftover)) {
    inheritance.resumable.push_back({std::move(kept.running), std::move(kept.hold), std::move(**leftover)});
    return;
  }
  const bool begun = !*leftover || (*leftover)->has_media;
  if (*leftover && !(*leftover)->ended) close(**leftover);
  if (begun) {
    forget(id);
  } else {
    restart(std::move(kept.running));
  }
}

void Heir::take(const std::string& journal) {
  auto leftover = archive::take_over(disk_, options_.recordings, journal, now_);
  if (!leftover) {
    log::error("{}", leftover.error().message);
  } else if (*leftover) {
    close(**leftover);
  }
}

// It waited for its stream, and does so again. A WHIP publisher who comes is recorded anyway.
void Heir::restart(RunningRecording running) {
  forget(running.recording_id);
  if (options_.resume && running.source != RunningRecording::Source::whip)
    inheritance.restarted.push_back(std::move(running));
}

void Heir::close(const archive::Leftover& leftover) {
  if (auto closed = archive::close_leftover(leftover, now_); !closed) {
    log::error("{}", closed.error().message);
    return;
  }
  log::warn("{}: closed after an interruption; trimmed {} bytes of an incomplete frame",
            leftover.start.recording_id, leftover.trimmed);
}

void Heir::forget(const std::string& recording_id) {
  if (auto forgotten = running_.forget(recording_id); !forgotten) log::error("{}", forgotten.error().message);
}

}  // namespace

Inheritance take_inheritance(storage::Disk& disk, RunningFiles& running, const InheritanceOptions& options,
                             WallTime now) {
  Heir heir(disk, running, options, now);
  auto found = running.take_over();
  if (!found) log::error("cannot resume interrupted recordings: {}", found.error().message);
  if (found) {
    for (const std::string& problem : found->problems) log::error("{}; the file was renamed", problem);
    for (RunningFiles::Kept& kept : found->kept) heir.take(std::move(kept));
  }
  const auto journals = archive::find_leftovers(disk, options.recordings);
  if (!journals) {
    log::error("{}", journals.error().message);
    return std::move(heir.inheritance);
  }
  for (const std::string& journal : *journals) heir.take(journal);
  return std::move(heir.inheritance);
}

}  // namespace holdfast::app

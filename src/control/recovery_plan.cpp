#include "control/recovery_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "storage/naming.hpp"

namespace holdfast::control {
namespace {

class Recovery {
 public:
  Recovery(Disk& disk, RunRecords& running, const RecoveryOptions& options, WallTime now)
      : disk_(disk), running_(running), options_(options), now_(now) {}

  // One that its process knew to be running.
  void take(RunRecords::Taken taken);
  // One of which there is only the journal.
  void take(const std::string& journal);

  RecoveryPlan plan;

 private:
  bool may_resume(const archive::Recovered& recovered) const {
    return options_.resume && recovered.has_media && now_ - recovered.end_wall <= options_.resume_limit;
  }
  void restart(RunRecord record);
  void close(const archive::Recovered& recovered);
  void forget(const std::string& recording_id);

  Disk& disk_;
  RunRecords& running_;
  const RecoveryOptions& options_;
  const WallTime now_;
};

void Recovery::take(RunRecords::Taken taken) {
  using Source = RunRecord::Source;
  const std::string id = taken.record.recording_id;
  if (taken.record.source == Source::watch) return restart(std::move(taken.record));
  auto recovered = archive::recover(disk_, options_.recordings, storage::journal_name(id), now_,
                                    journal::EndReason::shutdown);
  if (!recovered) {
    if (recovered.error().code == ErrorCode::not_found) return restart(std::move(taken.record));
    log::error("{}", recovered.error().message);  // and the next start tries again
    return;
  }
  if (*recovered && may_resume(**recovered)) {
    plan.resumable.push_back({std::move(taken.record), std::move(taken.lock), std::move(**recovered)});
    return;
  }
  const bool begun = !*recovered || (*recovered)->has_media;
  if (*recovered && !(*recovered)->ended) close(**recovered);
  if (begun) {
    forget(id);
  } else {
    restart(std::move(taken.record));
  }
}

void Recovery::take(const std::string& journal) {
  auto recovered = archive::recover(disk_, options_.recordings, journal, now_);
  if (!recovered) {
    log::error("{}", recovered.error().message);
  } else if (*recovered) {
    close(**recovered);
  }
}

// It waited for its stream, and does so again. A WHIP publisher who comes is recorded anyway.
void Recovery::restart(RunRecord record) {
  forget(record.recording_id);
  if (options_.resume && record.source != RunRecord::Source::whip)
    plan.restarted.push_back(std::move(record));
}

void Recovery::close(const archive::Recovered& recovered) {
  if (auto closed = archive::close_recovered(recovered, now_); !closed) {
    log::error("{}", closed.error().message);
    return;
  }
  log::warn("{}: closed after an interruption{}", recovered.start.recording_id,
            describe_trim(recovered.trimmed));
}

void Recovery::forget(const std::string& recording_id) {
  if (auto forgotten = running_.forget(recording_id); !forgotten) log::error("{}", forgotten.error().message);
}

// Watches first, and without the recordings that they start themselves.
void order(std::vector<RunRecord>& restarted) {
  const auto is_watch = [](const RunRecord& record) { return record.source == RunRecord::Source::watch; };
  std::ranges::stable_partition(restarted, is_watch);
  std::set<std::string> watched;
  for (const RunRecord& record : restarted | std::views::filter(is_watch))
    watched.insert(record.request.mint_id);
  std::erase_if(restarted, [&](const RunRecord& record) {
    return !is_watch(record) && watched.contains(record.request.mint_id);
  });
}

}  // namespace

std::string describe_trim(std::uint64_t bytes) {
  return bytes == 0 ? std::string() : fmt::format("; trimmed {} bytes of an incomplete frame", bytes);
}

RecoveryPlan make_recovery_plan(Disk& disk, RunRecords& running, const RecoveryOptions& options,
                                WallTime now) {
  Recovery recovery(disk, running, options, now);
  auto found = running.take_over();
  if (!found) log::error("cannot resume interrupted recordings: {}", found.error().message);
  if (found) {
    for (const std::string& problem : found->problems) log::error("{}; the file was renamed", problem);
    for (RunRecords::Taken& each : found->taken) recovery.take(std::move(each));
  }
  order(recovery.plan.restarted);
  const auto journals = archive::find_interrupted(disk, options.recordings);
  if (!journals) {
    log::error("{}", journals.error().message);
    return std::move(recovery.plan);
  }
  for (const std::string& journal : *journals) recovery.take(journal);
  return std::move(recovery.plan);
}

}  // namespace holdfast::control

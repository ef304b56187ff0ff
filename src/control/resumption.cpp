#include "control/resumption.hpp"

#include <utility>

#include "base/log.hpp"

namespace holdfast::control {

Resumption::Resumption(const Environment& environment, RecoveryOptions options)
    : environment_(environment),
      options_(std::move(options)),
      records_(environment.disk, options_.recordings) {}

RecoveryPlan Resumption::take_over() {
  return make_recovery_plan(environment_.disk, records_, options_, environment_.clock.read().wall);
}

void Resumption::remember(RunRecord record, std::function<void(RunRecords::Lock)> kept) {
  std::string id = record.recording_id;
  run_on(
      environment_.storage, environment_.control,
      [this, record = std::move(record)] { return records_.save(record); },
      [id = std::move(id), kept = std::move(kept)](Result<RunRecords::Lock> saved) {
        if (saved) return kept(std::move(*saved));
        log::warn("{}: will not be resumed after a restart: {}", id, saved.error().message);
      });
}

void Resumption::forget(const std::string& recording_id) {
  environment_.storage.post([this, recording_id] {
    if (auto forgotten = records_.forget(recording_id); !forgotten)
      log::error("{}", forgotten.error().message);
  });
}

}  // namespace holdfast::control

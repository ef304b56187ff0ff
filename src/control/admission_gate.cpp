#include "control/admission_gate.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::control {

Result<void> AdmissionGate::admit(std::string_view mint_id, recording::Transcoding transcoding) {
  const auto refusal = admission_.judge(load(), transcoding);
  if (!refusal) return {};
  ++refused_[std::to_underlying(refusal->resource)];
  return fail(ErrorCode::exhausted, "cannot record {}: {}", mint_id, refusal->why);
}

std::size_t AdmissionGate::choose_worker(recording::Transcoding transcoding) const {
  return recording::Admission::choose(load(), transcoding);
}

recording::MachineLoad AdmissionGate::load() const {
  const Instant now = environment_.clock.read().instant;
  recording::MachineLoad load = environment_.workers.load();
  for (const auto& each : recordings_.live()) {
    if (!each->is_active()) continue;
    const Duration flowed = each->flows_since() == never ? Duration::zero() : now - each->flows_since();
    const auto add = [&](recording::Burden& burden) {
      ++burden.count;
      burden.shown += std::clamp(to_seconds(flowed) / to_seconds(Workers::load_window), 0.0, 1.0);
      burden.fresh += now - each->made_at() < recording::Admission::settling;
    };
    recording::WorkerLoad& worker = load.workers[each->worker()];
    add(worker.recordings);
    if (each->transcoding() == recording::Transcoding::aac) add(worker.transcoded);
  }
  return load;
}

}  // namespace holdfast::control

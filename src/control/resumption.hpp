#pragma once

#include <functional>
#include <string>

#include "control/environment.hpp"
#include "control/recovery_plan.hpp"
#include "control/run_records.hpp"

namespace holdfast::control {

// What earlier processes left running in the folder, and what a later one needs to know of us. Control
// thread.
class Resumption {
 public:
  // `environment` outlives it.
  Resumption(const Environment& environment, RecoveryOptions options);

  // See make_recovery_plan(). Blocks; before anything is remembered.
  RecoveryPlan take_over();
  // Keeps the record; `kept` is called on the control thread with its lock. If that fails, the log says so,
  // and a later process does not resume the recording.
  void remember(RunRecord record, std::function<void(RunRecords::Lock)> kept);
  // It has ended for good.
  void forget(const std::string& recording_id);

 private:
  const Environment& environment_;
  const RecoveryOptions options_;
  RunRecords records_;  // on the storage thread, once take_over() is done
};

}  // namespace holdfast::control

#pragma once

#include <string>
#include <vector>

#include "archive/recovery.hpp"
#include "base/disk.hpp"
#include "base/time.hpp"
#include "control/run_records.hpp"

namespace holdfast::control {

// What this process has to do about the recordings that earlier processes left in a folder.
struct RecoveryPlan {
  struct Resumable {
    RunRecord record;
    RunRecords::Lock lock;
    archive::Recovered recovered;
  };
  std::vector<Resumable> resumable;
  // Nothing of these is on the disk yet: they are started as if they were requested now, before any is
  // resumed. Watches come first; a watch starts the recordings of its participants that had no media yet.
  std::vector<RunRecord> restarted;
};

struct RecoveryOptions {
  std::string recordings;
  bool resume = true;
  Duration resume_limit{};  // a recording whose media ended longer ago is closed
};

// For the log: what was cut off an interrupted recording; empty if nothing was.
std::string describe_trim(std::uint64_t bytes);

// Recovers the folder: a recording that cannot be resumed is trimmed and closed as `interrupted`, one that
// another process records is left alone; the log says what was done. Blocks; at start, before anything is
// recorded.
RecoveryPlan make_recovery_plan(Disk& disk, RunRecords& running, const RecoveryOptions& options,
                                WallTime now);

}  // namespace holdfast::control

#pragma once

#include <string_view>
#include <vector>

#include "app/running_files.hpp"
#include "archive/leftovers.hpp"
#include "base/time.hpp"
#include "storage/disk.hpp"

namespace holdfast::app {

// The end of a recording that another process is to go on with.
inline constexpr std::string_view shutdown_reason = "shutdown";

// What other processes left in a folder, for this one to do.
struct Inheritance {
  struct Resumable {
    RunningRecording running;
    RunningFiles::Hold hold;
    archive::Leftover leftover;
  };
  std::vector<Resumable> resumable;  // to be gone on with
  std::vector<RunningRecording>
      restarted;  // nothing of them is on the disk yet: to be started as if asked for now
};

struct InheritanceOptions {
  std::string recordings;
  bool resume = true;
  Duration resume_limit{};  // a recording whose media ended longer ago does not go on
};

// Brings the folder in order: what cannot go on is mended and closed as "interrupted", what somebody holds is
// left alone; everything is said in the log. Blocks; at start, before anything is recorded.
Inheritance take_inheritance(storage::Disk& disk, RunningFiles& running, const InheritanceOptions& options,
                             WallTime now);

}  // namespace holdfast::app

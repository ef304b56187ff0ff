#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "control/start_request.hpp"

namespace holdfast::app {

// What is kept of a follow over a restart.
struct KeptFollow {
  control::StartRequest request;
  bool held = false;
  std::string last_recording_id;
};

// The file of follows, `.holdfast/follows.json` in the recordings folder: replaced as a whole, so that it is
// either the old one or the new one, whatever dies. Where it is in use, a lock beside it keeps a second
// process from writing another. Blocks: storage thread, or before the service runs.
class FollowFile {
 public:
  struct Loaded {
    std::vector<KeptFollow> follows;
    std::string problem;  // what could not be read, and where it was kept; empty: nothing
  };

  // `disk` outlives the file.
  FollowFile(Disk& disk, const std::string& recordings);

  // No file is no follows. One that cannot be made sense of is renamed, never overwritten; what can be read
  // of it is loaded. Errors: io (it cannot be read, or not be kept aside), conflict (another process has it).
  Result<Loaded> load(WallTime now);
  // On stable storage when it returns. Errors: io, conflict; then the old file stands.
  Result<void> save(const std::vector<KeptFollow>& follows);

 private:
  Result<void> take_lock();

  Disk& disk_;
  const std::string folder_;
  const std::string path_;
  std::unique_ptr<File> lock_;  // once there are follows, or were
  ThreadOwner owner_;           // of save()
};

}  // namespace holdfast::app

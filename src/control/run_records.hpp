#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "control/start_request.hpp"

namespace holdfast::control {

// What has to be known to go on with a recording in another process.
struct RunRecord {
  enum class Source : std::uint8_t {
    livekit,
    whip,
    watch,  // records nothing itself: starts a recording for each participant
  };
  std::string recording_id;
  Source source = Source::livekit;
  StartRequest request{};  // with its token, if it brought one
  GivenOptions options{};  // all that it began with; none of a watch, and of version 0.1
};

// A file for each running recording, `.holdfast/running/{recording_id}.json` in the recordings folder, which
// nobody but its owner may read. It is locked while its recording lives, so that two services in one folder
// leave each other's alone. Blocks: storage thread, or before the service runs. Thread-safe but for one and
// the same recording.
class RunRecords {
 public:
  using Lock = std::shared_ptr<File>;  // the lock
  struct Taken {
    RunRecord record;
    Lock lock;
  };
  struct Found {
    std::vector<Taken> taken;           // of processes that are gone, now ours
    std::vector<std::string> problems;  // files that cannot be read; they were put aside
  };

  // `disk` outlives it.
  RunRecords(Disk& disk, const std::string& recordings);

  // On stable storage when it returns. Errors: io.
  Result<Lock> save(const RunRecord& record);
  // Errors: io.
  Result<Found> take_over();
  // The recording has ended.
  Result<void> forget(const std::string& recording_id);

 private:
  std::string path(const std::string& recording_id) const { return folder_ + "/" + recording_id + ".json"; }

  Disk& disk_;
  const std::string folder_;
  ThreadOwner saver_;  // of save()
};

}  // namespace holdfast::control

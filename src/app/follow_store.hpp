#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/follow_file.hpp"
#include "base/executor.hpp"
#include "control/start_request.hpp"
#include "io/storage_thread.hpp"

namespace holdfast::app {

// What each followed stream is recorded with, and the file that keeps it: a change holds once it is written,
// one after the other. Control thread; writes on a thread of its own.
class FollowStore {
 public:
  using Requests = std::map<std::string, control::StartRequest, std::less<>>;  // by mint id
  // Errors: the change is not possible.
  using Apply = std::function<Result<void>(Requests&)>;
  using Done = std::move_only_function<void(Result<void>)>;
  // What the file is to say of these streams.
  using Describe = std::function<std::vector<KeptFollow>(const Requests&)>;

  // `control` and `disk` outlive it.
  FollowStore(Executor& control, Disk& disk, const std::string& recordings, Describe describe);

  // As FollowFile::load(): before the first change; blocks.
  Result<FollowFile::Loaded> load(WallTime now);
  const Requests& requests() const { return requests_; }

  // `done` once the change would survive a power cut, or why not.
  void change(Apply apply, Done done);

 private:
  struct Change {
    Apply apply;
    Done done;
  };
  void write_next();

  Executor& control_;
  const Describe describe_;
  Requests requests_;
  FollowFile file_;             // disk_'s, once load() is done
  std::deque<Change> changes_;  // the first one is being written, if writing_
  bool writing_ = false;
  io::StorageThread disk_;
};

}  // namespace holdfast::app

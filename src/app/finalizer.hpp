#pragma once

#include "base/disk.hpp"
#include "control/environment.hpp"
#include "io/storage_thread.hpp"

namespace holdfast::app {

// Makes faststart MP4s one after the other, each in a child process of this same program: a damaged file that
// upsets the demuxer costs its own index and nothing else. The destructor waits for what is queued.
class ChildFinalizer final : public control::Finalizer {
 public:
  // `control` and `disk` outlive it.
  ChildFinalizer(Executor& control, Disk& disk) : control_(control), disk_(disk) {}
  void make_faststart(std::string path, std::string recording_id,
                      std::move_only_function<void(Result<void>)> reply) override;

 private:
  Executor& control_;
  Disk& disk_;
  io::StorageThread thread_;
};

}  // namespace holdfast::app

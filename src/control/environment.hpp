#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/disk.hpp"
#include "base/executor.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "control/network.hpp"
#include "control/remote_session.hpp"
#include "control/timers.hpp"

namespace holdfast::control {

// Makes an MP4 that was recorded as fragments into an ordinary one, in its place.
class Finalizer {
 public:
  virtual ~Finalizer() = default;
  // Says so in the recording's journal. The reply comes once, later, on the control thread. Errors: the file
  // is as it was, or the journal does not say so.
  virtual void make_faststart(std::string path, std::string recording_id,
                              std::move_only_function<void(Result<void>)> reply) = 0;
};

// All that the control plane needs of the world: the program gives it threads, sockets and a disk, tests give
// it simulated ones. Everything in it outlives the control plane.
struct Environment {
  const Clock& clock;
  Random& random;
  Timers& timers;     // somebody calls handle_timeout() at their deadline
  Executor& control;  // the thread on which all of the control plane runs
  Executor& storage;  // for its files, which may block
  Disk& disk;         // used there
  Workers& workers;
  Network& network;
  Finalizer& finalizer;
};

}  // namespace holdfast::control

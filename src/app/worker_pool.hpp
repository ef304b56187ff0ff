#pragma once

#include "app/load_meter.hpp"
#include "app/media_threads.hpp"
#include "control/remote_session.hpp"
#include "io/control_loop.hpp"

namespace holdfast::app {

// The media threads as the control plane sees them. Control thread.
class WorkerPool final : public control::Workers {
 public:
  // Both outlive it, and the sessions that it opens.
  WorkerPool(io::ControlLoop& control, MediaThreads& media)
      : control_(control), media_(media), load_meter_(control, media) {}

  std::unique_ptr<control::RemoteSession> open(std::size_t worker, control::RemoteSession::Port port,
                                               recording::SessionOptions options,
                                               control::SessionObserver& observer) override;
  recording::MachineLoad load() const override { return load_meter_.read(); }

 private:
  io::ControlLoop& control_;
  MediaThreads& media_;
  LoadMeter load_meter_;
};

}  // namespace holdfast::app

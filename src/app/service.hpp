#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/recorder.hpp"
#include "app/archivist.hpp"
#include "app/config.hpp"
#include "app/finalizer.hpp"
#include "app/media_threads.hpp"
#include "app/network.hpp"
#include "app/worker_pool.hpp"
#include "control/control_plane.hpp"
#include "io/clock.hpp"
#include "io/control_loop.hpp"
#include "io/storage_thread.hpp"
#include "io/system_random.hpp"

namespace holdfast::app {

// All recordings of this process, live ones and those on disk: what the API asks for. It gives the control
// plane its world, and adds the archive. Control thread only, which runs `control`.
class Service final : public api::Recorder, private control::ControlPlane::Events {
 public:
  // `control` and `media` outlive the service. Errors: invalid (the token endpoint's settings), io (the
  // folder).
  static Result<std::unique_ptr<Service>> create(const Config& config, io::ControlLoop& control,
                                                 MediaThreads& media);
  ~Service() override;

  Result<control::Started> start(const control::StartRequest& request) override {
    return plane_->start(request);
  }
  void stop(std::string_view mint_id, StopReply reply) override { plane_->stop(mint_id, std::move(reply)); }
  Result<std::vector<recording::Status>> split(std::string_view mint_id) override;
  std::vector<recording::Status> status(std::string_view mint_id) const override {
    return plane_->recordings().status(mint_id);
  }
  std::optional<control::WatchStatus> watch(std::string_view mint_id) const override {
    return plane_->watch(mint_id);
  }
  std::vector<recording::Status> active() const override { return plane_->recordings().active(); }
  std::vector<control::WatchStatus> watches() const override { return plane_->watches().active(); }
  void recordings(archive::Query query, PageReply reply) override {
    archivist_.list(std::move(query), std::move(reply));
  }
  void media(std::string recording_id, std::optional<std::size_t> part, MediaReply reply) override {
    archivist_.find_media(std::move(recording_id), part, std::move(reply));
  }
  void protect(std::string recording_id, archive::Protection protection, ProtectReply reply) override;
  void mark(std::string mint_id, std::string text, MarkReply reply) override {
    plane_->recordings().mark(mint_id, text, std::move(reply));
  }
  api::ProcessMetrics metrics() const override;
  const recording::Totals& totals() override { return plane_->recordings().totals(); }
  control::Readiness readiness() const override { return plane_->readiness(); }

  // Takes what WHIP publishers bring.
  control::WhipIngest& whip() { return plane_->whip(); }
  // See control::ControlPlane::Events.
  std::function<void(const recording::Status& status)> when_recording_over;
  std::function<void(const control::WatchStatus& status)> when_watch_over;

  // From now on the recordings on disk are kept as configured: the catalog up to date, retention at work.
  void keep_archive() { archivist_.keep(); }
  // As control::ControlPlane's functions of these names.
  void take_over() { plane_->take_over(); }
  using Drain = control::ControlPlane::Drain;
  void drain(Drain drain, journal::EndReason reason, std::move_only_function<void()> drained) {
    plane_->drain(drain, reason, std::move(drained));
  }

 private:
  Service(const Config& config, io::ControlLoop& control, MediaThreads& media);

  void on_folder_changed() override { archivist_.look_again(); }
  void on_recording_over(const recording::Status& status) override;
  void on_watch_over(const control::WatchStatus& status) override;

  io::SystemClock clock_;
  io::SystemRandom random_;
  control::Timers timers_;
  Archivist archivist_;
  WorkerPool workers_;
  Network network_;
  ChildFinalizer finalizer_;
  const control::Environment environment_;
  std::unique_ptr<control::ControlPlane> plane_;
  io::StorageThread storage_;  // the plane's; ends before it, since its jobs call it
};

}  // namespace holdfast::app

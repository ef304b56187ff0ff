#include "app/service.hpp"

#include <utility>

#include "io/process.hpp"

namespace holdfast::app {

Result<std::unique_ptr<Service>> Service::create(const Config& config, io::ControlLoop& control,
                                                 MediaThreads& media) {
  if (auto made = media.disk().make_directories(config.recordings); !made)
    return std::unexpected(made.error());
  std::unique_ptr<Service> service(new Service(config, control, media));
  auto plane = control::ControlPlane::create(control_settings(config), service->environment_, *service,
                                             config.metrics_label_limit);
  if (!plane) return std::unexpected(std::move(plane.error()));
  service->plane_ = std::move(*plane);
  return service;
}

Service::Service(const Config& config, io::ControlLoop& control, MediaThreads& media)
    : archivist_(config, control, media.disk(), [this] { return plane_->recordings().active_ids(); }),
      workers_(control, media),
      network_(control),
      finalizer_(control, media.disk()),
      environment_{clock_,       random_,  timers_,  control,   storage_,
                   media.disk(), workers_, network_, finalizer_} {
  control.drive([this] { return timers_.deadline(); }, [this](Instant now) { timers_.handle_timeout(now); });
}

Service::~Service() = default;

Result<std::vector<recording::Status>> Service::split(std::string_view mint_id) {
  auto splitting = plane_->recordings().split(mint_id);
  if (splitting.empty())
    return fail(ErrorCode::not_found, "{} is not being recorded, or has no media yet", mint_id);
  return splitting;
}

void Service::protect(std::string recording_id, archive::Protection protection, ProtectReply reply) {
  control::Recording* running = plane_->recordings().find(recording_id);
  if (running == nullptr || !running->is_open())
    return archivist_.protect(std::move(recording_id), protection, std::move(reply));
  plane_->recordings().note(*running, journal::ProtectEvent{protection == archive::Protection::on},
                            std::move(reply));
}

api::ProcessMetrics Service::metrics() const {
  api::ProcessMetrics metrics;
  metrics.memory_bytes = io::resident_memory();
  const storage::FileWriter::Counters disk = plane_->recordings().disk();
  metrics.write_latency = disk.commit_to_written;
  metrics.failed_writes = disk.failed_writes;
  metrics.durable_latency = disk.written_to_durable;
  metrics.failed_syncs = disk.failed_syncs;
  metrics.archive = archivist_.metrics();
  metrics.load = workers_.load();
  metrics.refused = plane_->admission().refused();
  return metrics;
}

void Service::on_recording_over(const recording::Status& status) {
  if (when_recording_over) when_recording_over(status);
}

void Service::on_watch_over(const control::WatchStatus& status) {
  if (when_watch_over) when_watch_over(status);
}

}  // namespace holdfast::app

#include "app/media_threads.hpp"

#include <algorithm>
#include <future>
#include <limits>
#include <thread>

#include "ice/agent.hpp"
#include "io/clock.hpp"

namespace holdfast::app {
namespace {

// 64 MB a worker at the very most: what waits behind holes in all its recordings.
constexpr std::size_t packets_waiting = 32'768;

}  // namespace

MediaWorker::MediaWorker(Executor& syncs, Duration sync_interval)
    : packets(packets_waiting),
      whip(ice::requested_ufrag),
      worker(io::Worker::Options{}),
      syncer({storage, syncs, worker}, sync_interval, io::read_monotonic_clock) {}

Result<std::unique_ptr<MediaThreads>> MediaThreads::start(Options options) {
  auto certificate = dtls::Certificate::generate();
  if (!certificate) return std::unexpected(certificate.error());
  std::unique_ptr<MediaThreads> threads(new MediaThreads(std::move(*certificate), std::move(options)));
  unsigned workers = threads->options_.workers;
  if (workers == 0) workers = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < workers; ++i) {
    threads->workers_.push_back(
        std::make_unique<MediaWorker>(threads->syncs_, threads->options_.sync_interval));
  }
  return threads;
}

MediaThreads::~MediaThreads() {
  // Workers first: what runs there posts to the other threads, which then finish what they were given.
  for (const auto& worker : workers_) worker->worker.stop();
}

Result<void> MediaThreads::listen(const Endpoint& listen) {
  Endpoint next = listen;
  for (const auto& worker : workers_) {
    std::promise<Result<Endpoint>> opened;
    worker->worker.post([&] {
      auto socket = worker->worker.add(next, worker->whip, io::Worker::buffer_of_many);
      if (socket) worker->whip_outbox = *socket;
      opened.set_value(socket ? Result<Endpoint>((*socket)->local_endpoint())
                              : std::unexpected(socket.error()));
    });
    const auto local = opened.get_future().get();
    if (!local) return std::unexpected(local.error());
    if (local->address == IpAddress() || local->address == IpAddress::from_v4(0, 0, 0, 0)) {
      worker->whip_candidates = io::host_endpoints(local->port);
    } else {
      worker->whip_candidates.push_back(*local);
    }
    if (next.port == std::numeric_limits<std::uint16_t>::max()) next.port = 0;
    if (next.port != 0) ++next.port;
  }
  return {};
}

recording::SessionEnvironment MediaThreads::environment(MediaWorker& worker) {
  return {random_,
          certificate_,
          worker.packets,
          {disk_, worker.storage, worker.worker, budget_, io::read_monotonic_clock, &worker.syncer,
           &worker.cadence, &worker.buffers},
          worker.transcoder};
}

}  // namespace holdfast::app

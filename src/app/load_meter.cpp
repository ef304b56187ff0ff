#include "app/load_meter.hpp"

#include <algorithm>

#include "io/clock.hpp"
#include "io/process.hpp"

namespace holdfast::app {
namespace {

constexpr Duration interval = std::chrono::milliseconds(500);

double share(Duration busy, Duration of) {
  return std::clamp(to_seconds(busy) / to_seconds(of), 0.0, 1.0);
}

}  // namespace

LoadMeter::LoadMeter(io::ControlLoop& control, const MediaThreads& media) : media_(media), timer_(control) {
  keep();
}

LoadMeter::Sample LoadMeter::take() const {
  const Instant now = io::read_monotonic_clock();
  Sample sample{now, io::processor_time(), {}};
  for (const auto& worker : media_.workers()) {
    sample.workers.push_back({worker->worker.busy().total(now), worker->transcoder.busy().total(now),
                              worker->storage.busy().total(now)});
  }
  return sample;
}

void LoadMeter::keep() {
  samples_.push_back(take());
  while (samples_.size() > 1 && samples_.back().at - samples_[1].at >= control::Workers::load_window)
    samples_.pop_front();
  timer_.start(interval, [this] { keep(); });
}

recording::MachineLoad LoadMeter::read() const {
  const Sample now = take();
  const Sample& then = samples_.front();
  // Too short a time says nothing.
  const Duration span = std::max(now.at - then.at, interval);
  recording::MachineLoad load;
  load.processors = share((now.processors - then.processors) / io::processors(), span);
  for (std::size_t i = 0; i < now.workers.size(); ++i) {
    recording::WorkerLoad worker;
    worker.worker = share(now.workers[i].worker - then.workers[i].worker, span);
    worker.transcoder = share(now.workers[i].transcoder - then.workers[i].transcoder, span);
    worker.storage = share(now.workers[i].storage - then.workers[i].storage, span);
    load.workers.push_back(worker);
    load.disk_wait = std::max(load.disk_wait, media_.workers()[i]->storage.busy().stint(now.at));
  }
  return load;
}

}  // namespace holdfast::app

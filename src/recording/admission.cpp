#include "recording/admission.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::recording {
namespace {

constexpr std::array<std::string_view, resource_count> names{"worker", "transcoder", "storage", "processors",
                                                             "disk"};

// What all threads of one kind carry.
struct Kind {
  Resource resource;
  double WorkerLoad::* load;
  Burden WorkerLoad::* burden;
};
constexpr Kind kinds[] = {{Resource::worker, &WorkerLoad::worker, &WorkerLoad::recordings},
                          {Resource::transcoder, &WorkerLoad::transcoder, &WorkerLoad::transcoded},
                          {Resource::storage, &WorkerLoad::storage, &WorkerLoad::recordings}};

bool concerns(Resource resource, Transcoding transcoding) {
  return resource != Resource::transcoder || transcoding == Transcoding::aac;
}

// What a recording costs; nothing while too few show it.
std::optional<double> average(double load, double shown) {
  if (shown < Admission::known_from) return std::nullopt;
  return load / shown;
}

std::optional<double> average(const MachineLoad& machine, const Kind& kind) {
  double load = 0;
  double shown = 0;
  for (const WorkerLoad& worker : machine.workers) {
    load += worker.*kind.load;
    shown += (worker.*kind.burden).shown;
  }
  return average(load, shown);
}

// Of those there are, and one more: how many the load does not show.
double unshown(const Burden& burden) {
  return burden.count + 1 - burden.shown;
}

struct Expected {
  double load = 0;
  Resource resource = Resource::worker;
};

// Of a worker's threads that with the highest load, were there one more.
Expected expect(const MachineLoad& machine, const WorkerLoad& worker, Transcoding transcoding) {
  Expected highest;
  for (const Kind& kind : kinds) {
    if (!concerns(kind.resource, transcoding)) continue;
    const double cost = average(machine, kind).value_or(0);
    const double load = worker.*kind.load + cost * unshown(worker.*kind.burden);
    if (load > highest.load) highest = {load, kind.resource};
  }
  return highest;
}

Expected expect_processors(const MachineLoad& machine) {
  Burden all;
  for (const WorkerLoad& worker : machine.workers) {
    all.count += worker.recordings.count;
    all.shown += worker.recordings.shown;
  }
  const double cost = average(machine.processors, all.shown).value_or(0);
  return {machine.processors + cost * unshown(all), Resource::processors};
}

std::string_view describe(Resource resource) {
  switch (resource) {
    case Resource::worker:
      return "the least loaded worker thread";
    case Resource::transcoder:
      return "the least loaded AAC encoder thread";
    case Resource::storage:
      return "the least loaded write thread";
    case Resource::processors:
      return "the processors";
    case Resource::disk:
      break;
  }
  return "the disk";
}

std::string_view advise(Resource resource) {
  switch (resource) {
    case Resource::transcoder:
      return "request audio = copy, which needs no encoder, or stop a recording";
    case Resource::storage:
      return "record to a faster disk, or stop a recording";
    case Resource::worker:
    case Resource::processors:
    case Resource::disk:
      break;
  }
  return "stop a recording, or record on another machine";
}

Refusal refuse(const Expected& expected, double limit) {
  return {expected.resource, fmt::format("the machine is full: one more recording would put {} at {:.0f} % "
                                         "load, and admission_limit is {:.0f} %; {}",
                                         describe(expected.resource), expected.load * 100, limit * 100,
                                         advise(expected.resource))};
}

Refusal refuse_fresh(Resource resource, unsigned fresh) {
  return {resource,
          fmt::format(
              "{} recordings have just started on {} and their load is not measured yet; try again in {} s",
              fresh, describe(resource), to_seconds(Admission::settling))};
}

Refusal refuse_disk(Duration wait) {
  return {Resource::disk, fmt::format("the disk does not keep up: a write has been in progress for {:.1f} s; "
                                      "check the disk, or record to a faster one",
                                      to_seconds(wait))};
}

}  // namespace

std::string_view to_string(Resource resource) {
  return names[std::to_underlying(resource)];
}

std::size_t Admission::choose(const MachineLoad& load, Transcoding transcoding) {
  // While their cost is not known the count must do: loads of next to nothing say little.
  const bool known = average(load, kinds[0]).has_value();
  const auto key = [&](const WorkerLoad& worker) {
    return std::pair(known ? expect(load, worker, transcoding).load : 0.0, worker.recordings.count);
  };
  return static_cast<std::size_t>(std::ranges::min_element(load.workers, {}, key) - load.workers.begin());
}

std::optional<Refusal> Admission::judge(const MachineLoad& load, Transcoding transcoding) const {
  if (limit_ == 0) return std::nullopt;
  if (load.disk_wait > longest_wait) return refuse_disk(load.disk_wait);
  const WorkerLoad& worker = load.workers[choose(load, transcoding)];
  const Expected thread = expect(load, worker, transcoding);
  if (thread.load > limit_) return refuse(thread, limit_);
  const Expected processors = expect_processors(load);
  if (processors.load > limit_) return refuse(processors, limit_);
  if (!average(load, kinds[0]) && worker.recordings.fresh >= most_fresh)
    return refuse_fresh(Resource::worker, worker.recordings.fresh);
  if (transcoding == Transcoding::aac && !average(load, kinds[1]) &&
      worker.transcoded.fresh >= most_fresh_transcoded)
    return refuse_fresh(Resource::transcoder, worker.transcoded.fresh);
  return std::nullopt;
}

}  // namespace holdfast::recording

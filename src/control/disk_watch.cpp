#include "control/disk_watch.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::control {
namespace {

constexpr Duration interval = std::chrono::seconds(5);

}  // namespace

DiskWatch::DiskWatch(const Environment& environment, std::string folder, ByteSize min_free)
    : environment_(environment), folder_(std::move(folder)), min_free_(min_free), timer_(environment.timers) {
  look();
}

void DiskWatch::look() {
  run_on(
      environment_.storage, environment_.control,
      [&disk = environment_.disk, folder = folder_] { return disk.free_space(folder); },
      [this](const Result<std::uint64_t>& free_space) { take(free_space); });
}

void DiskWatch::take(const Result<std::uint64_t>& free_space) {
  problem_.clear();
  if (!free_space) {
    readiness_ = Readiness::disk_failing;
    problem_ = free_space.error().message;
  } else if (*free_space < min_free_.bytes) {
    readiness_ = Readiness::disk_full;
    problem_ =
        fmt::format("only {} are free in {}, less than min_free ({}); free some space, or lower min_free",
                    format_byte_size({*free_space}), folder_, format_byte_size(min_free_));
  } else {
    readiness_ = Readiness::ready;
  }
  timer_.start(environment_.clock.read().instant + interval, [this] { look(); });
}

}  // namespace holdfast::control

#include <fmt/format.h>

#include <cstdio>
#include <future>
#include <thread>
#include <utility>

#include "app/commands.hpp"
#include "app/service.hpp"
#include "io/clock.hpp"
#include "io/process.hpp"
#include "io/signals.hpp"

namespace holdfast::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration drain_limit = 1900ms;

// Runs on the control thread and waits for its value.
template <typename Value>
Value ask(io::ControlLoop& control, std::move_only_function<void(std::promise<Value>&)> question) {
  std::promise<Value> answer;
  control.post([&] { question(answer); });
  return answer.get_future().get();
}

std::string status_line(const recording::Status& status, Duration elapsed) {
  std::uint64_t frames = 0;
  std::uint64_t lost = 0;
  for (const auto& track : status.tracks) {
    if (track.kind == media::Kind::video) frames += track.frames;
    lost += track.packets.lost;
  }
  return fmt::format(
      "{:>7.1f} s  {:<10}  {:>9.2f} MB  {:>6.0f} kB/s  {:>7} frames  {} lost  {:.0f} MB memory",
      to_seconds(elapsed), recording::to_string(status.state),
      static_cast<double>(status.file_size_bytes) / 1e6, status.write_rate / 1e3, frames, lost,
      static_cast<double>(io::resident_memory()) / 1e6);
}

}  // namespace

int run_record(const Config& given, const RecordOptions& options) {
  io::StopSignals signals;
  Config config = given;
  if (!options.room.empty()) config.livekit_room = options.room;
  control::StartRequest request;
  request.mint_id = options.mint_id.empty() ? options.room : options.mint_id;
  request.participant = options.participant;
  request.participants = options.participants;
  request.token = options.token;

  io::ControlLoop control;  // outlives the workers, which report to it
  auto media = MediaThreads::start({1, config.turn_ca_file, config.sync_interval});
  Result<std::unique_ptr<Service>> service =
      media ? Service::create(config, control, **media) : std::unexpected(media.error());
  if (!service) {
    fmt::print(stderr, "holdfast: {}\n", service.error().message);
    return 1;
  }
  std::thread control_thread([&] { control.run(); });
  const auto finish = [&](int status) {
    control.stop();
    control_thread.join();
    return status;
  };

  const auto started = ask<Result<control::Started>>(
      control, [&](auto& answer) { answer.set_value((*service)->start(request)); });
  if (!started) {
    fmt::print(stderr, "holdfast: {}\n", started.error().message);
    return finish(1);
  }

  const Instant began = io::read_monotonic_clock();
  const Instant end = options.duration > Duration::zero() ? began + options.duration : never;
  std::vector<recording::Status> statuses;
  std::optional<control::WatchStatus> watch;
  for (bool stopping = false; !stopping;) {
    const Instant now = io::read_monotonic_clock();
    stopping =
        signals.wait_until(std::min(end, now + 500ms)).has_value() || io::read_monotonic_clock() >= end;
    statuses = ask<std::vector<recording::Status>>(control, [&](auto& answer) {
      watch = (*service)->watch(request.mint_id);
      answer.set_value((*service)->status(request.mint_id));
    });
    const bool watches = watch && watch->state == control::WatchState::watching;
    const bool active = watches || std::ranges::any_of(statuses, [](const auto& status) {
                          return recording::is_active(status.state);
                        });
    if (!options.quiet && !statuses.empty()) {
      fmt::print(stderr, "\r{}", status_line(statuses.front(), io::read_monotonic_clock() - began));
      std::fflush(stderr);
    }
    stopping |= !active;
  }
  signals.exit_on_next();
  if (!options.quiet) fmt::print(stderr, "\n");

  std::promise<void> drained;
  control.post([&] {
    (*service)->drain(Service::Drain::for_good, journal::EndReason::stopped, [&] { drained.set_value(); });
  });
  const bool whole = drained.get_future().wait_for(drain_limit) == std::future_status::ready;
  statuses = ask<std::vector<recording::Status>>(
      control, [&](auto& answer) { answer.set_value((*service)->status(request.mint_id)); });
  bool failed = !whole;
  if (watch && watch->state == control::WatchState::failed) {
    failed = true;
    fmt::print(stderr, "holdfast: {}\n", watch->error);
  }
  for (const auto& status : statuses) {
    if (status.state == recording::State::failed) {
      failed = true;
      fmt::print(stderr, "holdfast: {}\n", status.error);
    }
    for (const auto& path : status.output_paths) fmt::print("{}\n", path);
  }
  return finish(failed ? 1 : 0);
}

}  // namespace holdfast::app

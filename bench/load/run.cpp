#include "load/run.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "io/clock.hpp"
#include "io/signals.hpp"
#include "load/json_line.hpp"

namespace holdfast::bench {
namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(20);
constexpr Duration goodbye_limit = std::chrono::seconds(20);
// A generator later than this has measured itself.
constexpr double most_late_p99_ms = 20;
constexpr double most_late_ms = 200;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void allow_descriptors(int count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur =
      std::min<rlim_t>(std::max<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(count) + 256), limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);  // refused: opening a socket will say so
}

using Pumps = std::vector<std::unique_ptr<Pump>>;

Totals totals_of(const Pumps& pumps) {
  Totals totals;
  for (const auto& pump : pumps) totals += pump->totals();
  return totals;
}

// Unix seconds at which the first frame of each session was due, in the order of their numbers (of rooms: in
// that in which they were joined); 0: it sends nothing yet.
std::vector<double> starts_of(const Pumps& pumps) {
  const Now now = io::read_clocks();
  std::vector<std::vector<Instant>> each;
  for (const auto& pump : pumps) each.push_back(pump->media_starts());
  std::vector<double> starts;
  for (std::size_t i = 0; i / each.size() < each[i % each.size()].size(); ++i) {
    const Instant start = each[i % each.size()][i / each.size()];
    starts.push_back(start == never ? 0 : to_seconds((now.wall + (start - now.instant)).time_since_epoch()));
  }
  return starts;
}

// Until `done`, the deadline or a signal. False: not done.
bool wait_until(io::StopSignals& signals, Instant deadline, const std::function<bool()>& done) {
  while (!done()) {
    const Instant now = io::read_monotonic_clock();
    if (now >= deadline || signals.wait_until(std::min(deadline, now + poll_interval))) return done();
  }
  return true;
}

// The time in which all were sending.
struct Measured {
  double seconds = 0;
  double cpu_seconds = 0;
  std::uint64_t packets = 0;
};

std::vector<std::string> what_spoilt(const RunOptions& options, const Totals& totals) {
  std::vector<std::string> why;
  const double p99 = totals.lateness.percentile_ms(0.99);
  if (p99 > most_late_p99_ms) why.push_back(fmt::format("1 % of the packets left more than {} ms late", p99));
  if (totals.lateness.max_ms() > most_late_ms) {
    why.push_back(fmt::format("a packet left {:.0f} ms late", totals.lateness.max_ms()));
  }
  if (totals.counters.refused > 0) {
    why.push_back(fmt::format("the kernel refused {} datagrams", totals.counters.refused));
  }
  if (totals.failed > 0) why.push_back(fmt::format("{} sessions failed: {}", totals.failed, totals.error));
  if (totals.sessions < options.sessions) {
    why.push_back(fmt::format("only {} of {} sessions came", totals.sessions, options.sessions));
  }
  return why;
}

// Gives whether the load was what it should have been.
bool report(const RunOptions& options, const Totals& totals, const Measured& measured, int connected) {
  const Counters& counters = totals.counters;
  auto why = what_spoilt(options, totals);
  if (connected < options.sessions && why.empty()) why.push_back("not all sessions came to send");
  JsonLine()
      .add("sessions", options.sessions)
      .add("connected", connected)
      .add("failed", totals.failed)
      .add("error", totals.error)
      .add("packets", counters.packets)
      .add("bytes", counters.bytes)
      .add("dropped", counters.dropped)
      .add("refused", counters.refused)
      .add("nacks", counters.nacks)
      .add("resent", counters.resent)
      .add("plis", counters.plis)
      .add("seconds", measured.seconds)
      .add("measured_packets", measured.packets)
      .add("cpu_seconds", measured.cpu_seconds)
      .add("cpu_seconds_in_all", cpu_seconds())
      .add("late_p50_ms", totals.lateness.percentile_ms(0.5))
      .add("late_p99_ms", totals.lateness.percentile_ms(0.99))
      .add("late_max_ms", totals.lateness.max_ms())
      .add("spoilt", !why.empty())
      .add("why", why)
      .print();
  return why.empty();
}

}  // namespace

int run_load(const RunOptions& options, const Start& start) {
  io::StopSignals signals;
  allow_descriptors(options.sessions);
  auto loop = encode_loop(options.bits_per_second, options.frames_per_second);
  if (!loop) {
    fmt::print(stderr, "load: {}\n", loop.error().message);
    return 1;
  }
  Pumps pumps;
  for (unsigned i = 0; i < std::max(options.threads, 1U); ++i) {
    pumps.push_back(std::make_unique<Pump>(
        *loop, Pump::Options{.loss = options.loss_percent / 100, .seed = options.seed + i}));
  }
  auto kept = start(pumps);
  if (!kept) {
    fmt::print(stderr, "load: {}\n", kept.error().message);
    return 1;
  }

  Totals totals;
  const auto ramp =
      std::chrono::milliseconds(static_cast<std::int64_t>(options.sessions / options.ramp * 1000));
  const Instant limit = io::read_monotonic_clock() + ramp + std::chrono::seconds(options.wait_seconds);
  wait_until(signals, limit, [&] {
    totals = totals_of(pumps);
    return totals.sending + totals.failed == options.sessions;
  });
  const int connected = totals.sending;
  if (options.progress == Progress::told) {
    JsonLine()
        .add("connected", connected)
        .add("failed", totals.failed)
        .add("error", totals.error)
        .add("starts", starts_of(pumps))
        .print();
  }

  for (const auto& pump : pumps) pump->reset_lateness();
  const std::uint64_t packets_before = totals_of(pumps).counters.packets;
  const double cpu_before = cpu_seconds();
  const Instant begun = io::read_monotonic_clock();
  signals.wait_until(begun + std::chrono::seconds(options.seconds));
  totals = totals_of(pumps);
  const Measured measured{to_seconds(io::read_monotonic_clock() - begun), cpu_seconds() - cpu_before,
                          totals.counters.packets - packets_before};

  if (options.leave == Leave::goodbye) {
    for (const auto& pump : pumps) pump->end_all();
    wait_until(signals, io::read_monotonic_clock() + goodbye_limit, [&] {
      const Totals now = totals_of(pumps);
      return now.ended + now.failed >= now.sessions;
    });
  }
  for (const auto& pump : pumps) pump->stop();
  totals.counters = totals_of(pumps).counters;
  return report(options, totals, measured, connected) ? 0 : 1;
}

}  // namespace holdfast::bench

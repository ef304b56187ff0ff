#include "load/pump.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <future>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::bench {
namespace {

void sleep_until(Instant instant) {
  const auto since = instant.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec until{seconds.count(), (since - seconds).count()};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  sessions += other.sessions;
  sending += other.sending;
  failed += other.failed;
  ended += other.ended;
  if (error.empty()) error = other.error;
  counters += other.counters;
  lateness += other.lateness;
  return *this;
}

Pump::Pump(const MediaLoop& loop, const Options& options)
    : options_(options),
      loop_(loop),
      chance_(options.seed),
      studio_{.loop = loop_, .random = random_, .chance = chance_, .loss = options.loss},
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wheel_(io::read_monotonic_clock(), options.slot) {
  if (epoll_ < 0) std::abort();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Pump::~Pump() {
  stop();
  close(epoll_);
}

void Pump::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void Pump::post(Job job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
}

void Pump::wait_for(std::function<void()> job) {
  if (!thread_.joinable()) return job();
  std::promise<void> done;
  post([&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

void Pump::add(std::unique_ptr<Session> session, Duration after) {
  const Instant begin = io::read_monotonic_clock() + after;
  post([this, session = std::move(session), begin]() mutable {
    wheel_.schedule(begin, {session.get(), Task::begin});
    sessions_.push_back(std::move(session));
  });
}

Totals Pump::totals() {
  Totals totals;
  wait_for([&] {
    totals.sessions = static_cast<int>(sessions_.size());
    for (const auto& session : sessions_) {
      totals.counters += session->counters();
      if (session->state() == State::live && session->counters().packets > 0) ++totals.sending;
      if (session->state() == State::ended) ++totals.ended;
      if (session->state() != State::failed) continue;
      ++totals.failed;
      if (totals.error.empty()) totals.error = session->error();
    }
    totals.lateness = lateness_;
  });
  return totals;
}

std::vector<Instant> Pump::media_starts() {
  std::vector<Instant> starts;
  wait_for([&] {
    for (const auto& session : sessions_) starts.push_back(session->media_start());
  });
  return starts;
}

void Pump::reset_lateness() {
  wait_for([this] { lateness_ = {}; });
}

void Pump::end_all() {
  wait_for([this] {
    for (const auto& session : sessions_) {
      if (session->state() != State::failed) session->end(io::read_clocks());
    }
  });
}

void Pump::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    sleep_until(wheel_.next());
    const Now now = io::read_clocks();
    run_jobs();
    wheel_.advance(now.instant, [&](Instant due, const Item& item) { handle(now, due, item); });
    receive(now);
  }
}

void Pump::run_jobs() {
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  for (Job& job : jobs) job();
}

void Pump::handle(const Now& now, Instant due, const Item& item) {
  Session& session = *item.session;
  switch (item.task) {
    case Task::begin: {
      session.begin(now);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLET;
      event.data.ptr = &session;
      if (session.descriptor() >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, session.descriptor(), &event) != 0) {
        std::abort();
      }
      return keep(now, session);
    }
    case Task::keep:
      return keep(now, session);
    case Task::video:
      return send(due, session, Media::video);
    case Task::audio:
      return send(due, session, Media::audio);
  }
}

void Pump::keep(const Now& now, Session& session) {
  const Duration again = session.keep(now);
  if (session.state() == State::failed || session.state() == State::ended) return;
  wheel_.schedule(now.instant + again, {&session, Task::keep});
  if (session.state() != State::live || session.sends_media()) return;
  // Spread over the time between key frames, so that those do not come all at once.
  constexpr Duration spread = std::chrono::seconds(key_frame_seconds);
  const auto phase =
      Duration(static_cast<Duration::rep>(chance_.below(static_cast<std::uint64_t>(spread.count()))));
  session.start_media(now.instant + phase);
  wheel_.schedule(session.due(Media::video), {&session, Task::video});
  wheel_.schedule(session.due(Media::audio), {&session, Task::audio});
}

void Pump::send(Instant due, Session& session, Media media) {
  if (session.state() != State::live) return;
  const std::uint32_t count = session.send_burst(media);
  lateness_.add(io::read_monotonic_clock() - due, count);
  wheel_.schedule(session.due(media), {&session, media == Media::video ? Task::video : Task::audio});
}

void Pump::receive(const Now& now) {
  std::array<epoll_event, 256> events;
  int count = 0;
  do {
    count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
      static_cast<Session*>(events[static_cast<std::size_t>(i)].data.ptr)->receive(now);
    }
  } while (count == static_cast<int>(events.size()));
}

}  // namespace holdfast::bench

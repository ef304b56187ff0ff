#include "io/worker.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::io {
namespace {

// How long epoll_wait may sleep, in its milliseconds, rounded up so that a deadline has passed when it
// returns.
int timeout_until(Instant deadline, Instant now) {
  if (deadline == never) return -1;
  if (deadline <= now) return 0;
  return static_cast<int>(std::min<std::int64_t>(to_milliseconds(deadline - now) + 1, 60'000));
}

void sleep_until(Instant instant) {
  const auto since = instant.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec until{seconds.count(), (since - seconds).count()};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace

Worker::Worker(Options options)
    : options_(options),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  if (epoll_ < 0 || wakeup_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) != 0) std::abort();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Worker::~Worker() {
  stop();
  // What a job owns may want to leave its socket: it must go while there still are some.
  std::vector<Job> unrun;
  {
    const std::lock_guard lock(mutex_);
    unrun.swap(jobs_);
  }
  unrun.clear();
  close(wakeup_);
  close(epoll_);
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  post([] {});
  thread_.join();
}

void Worker::post(Job job) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    wake = !std::exchange(woken_, true);
  }
  if (wake) (void)eventfd_write(wakeup_, 1);
}

Result<UdpSocket*> Worker::add(const Endpoint& local, DatagramHandler& handler, int receive_buffer_bytes) {
  auto socket = UdpSocket::open(local, receive_buffer_bytes);
  if (!socket) return std::unexpected(socket.error());
  auto entry = std::make_unique<Entry>(*this, std::move(*socket), handler);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = static_cast<Watched*>(entry.get());
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, entry->socket.descriptor(), &event) != 0) {
    return fail(ErrorCode::io, "cannot watch UDP {}: {}", local.to_string(), std::strerror(errno));
  }
  entries_.push_back(std::move(entry));
  return &entries_.back()->socket;
}

Result<void> Worker::watch(int descriptor, Watched& watched) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return fail(ErrorCode::io, "cannot watch a TCP connection: {}", std::strerror(errno));
  }
  return {};
}

void Worker::remove(DatagramHandler& handler) {
  for (const auto& entry : entries_) {
    if (entry->handler != &handler) continue;
    entry->socket.flush();
    entry->handler = nullptr;
  }
}

void Worker::receive(DatagramHandler& handler) {
  for (const auto& entry : entries_) {
    if (entry->handler == &handler) return drain(*entry, read_clocks());
  }
}

void Worker::run(const std::stop_token& stop) {
  std::array<epoll_event, 256> events;
  Instant round_began = read_monotonic_clock();
  while (!stop.stop_requested()) {
    // Packets that come in the rest of this tick are taken together.
    sleep_until(round_began + tick_);
    const int timeout = timeout_until(note_deadlines(), read_monotonic_clock());
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
    const Now now = read_clocks();
    const Duration round = now.instant - std::exchange(round_began, now.instant);
    busy_.begin(now.instant);
    for (int i = 0; i < count; ++i) {
      auto* watched = static_cast<Watched*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (watched == nullptr) {
        eventfd_t value = 0;
        (void)eventfd_read(wakeup_, &value);
      } else {
        watched->handle_ready(now);
      }
    }
    run_jobs();
    tick(now);
    const Instant done = read_monotonic_clock();
    busy_.end(done);
    adapt_tick(done - now.instant, round);
  }
}

void Worker::adapt_tick(Duration busy, Duration round) {
  constexpr double smoothing = 0.02;  // some fifty rounds
  constexpr double load_of_longest = 0.1;
  const double share = std::min(1.0, to_seconds(busy) / std::max(to_seconds(round), 1e-3));
  load_ += smoothing * (share - load_);
  const double stretch = std::min(1.0, load_ / load_of_longest);
  tick_ =
      options_.tick + std::chrono::duration_cast<Duration>((options_.longest_tick - options_.tick) * stretch);
}

void Worker::run_jobs() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(jobs_);
    woken_ = false;
  }
  for (Job& job : running_) job();
  running_.clear();
}

void Worker::drain(Entry& entry, const Now& now) {
  entry.active = true;
  std::span<const ReceivedDatagram> received;
  do {
    received = entry.socket.receive(batch_, now);
    for (const ReceivedDatagram& datagram : received) {
      if (entry.handler == nullptr) return;
      entry.handler->handle_datagram(datagram.arrival, datagram.from, datagram.bytes, entry.socket);
    }
  } while (received.size() == ReceiveBatch::size);
}

void Worker::tick(const Now& now) {
  // By index: a handler may add another socket.
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = *entries_[i];
    const bool due = std::exchange(entry.active, false) || entry.due <= now.instant;
    if (due && entry.handler != nullptr) entry.handler->handle_tick(now, entry.socket);
    entry.socket.flush();
  }
  std::erase_if(entries_, [](const auto& entry) { return entry->handler == nullptr; });
  retired_.clear();
}

// Once a round each handler is asked: what a job of the round changes counts in the next one.
Instant Worker::note_deadlines() {
  Instant earliest = never;
  for (const auto& entry : entries_) {
    entry->due = entry->handler != nullptr ? entry->handler->deadline() : never;
    earliest = std::min(earliest, entry->due);
  }
  return earliest;
}

}  // namespace holdfast::io

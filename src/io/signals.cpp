#include "io/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "io/clock.hpp"

namespace holdfast::io {
namespace {

sigset_t signals(StopSignals::Hangup hangup) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (hangup == StopSignals::Hangup::is_waited_for) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

StopSignals::StopSignals(Hangup hangup) : hangup_(hangup) {
  const sigset_t set = signals(hangup_);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that closes its end is an error code to us, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<int> StopSignals::wait_until(Instant deadline) {
  const sigset_t set = signals(hangup_);
  for (;;) {
    const Duration left = std::max(Duration::zero(), deadline - read_monotonic_clock());
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec timeout{seconds.count(), (left - seconds).count()};
    if (const int signal = sigtimedwait(&set, nullptr, &timeout); signal > 0) return signal;
    if (errno == EAGAIN) return std::nullopt;
  }
}

void StopSignals::exit_on_next() {
  struct sigaction action{};
  action.sa_handler = [](int) { _exit(130); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const sigset_t set = signals(Hangup::ends_the_program);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace holdfast::io

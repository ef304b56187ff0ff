#include "io/control_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::io {

namespace asio = boost::asio;

struct ControlLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer timer{context};
  Instant armed = never;
  std::function<Instant()> deadline = [] { return never; };
  std::function<void(Instant now)> timeout;

  void arm() {
    const Instant due = deadline();
    if (std::exchange(armed, due) == due) return;
    timer.cancel();
    if (due == never) return;
    timer.expires_at(asio::steady_timer::time_point(due.time_since_epoch()));
    timer.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      armed = never;
      timeout(read_monotonic_clock());
    });
  }
};

ControlLoop::ControlLoop() : impl_(std::make_unique<Impl>()) {}
ControlLoop::~ControlLoop() = default;

void ControlLoop::post(Job job) {
  asio::post(impl_->context, std::move(job));
}
void ControlLoop::run() {
  impl_->arm();
  while (impl_->context.run_one() > 0) impl_->arm();
}
void ControlLoop::drive(std::function<Instant()> deadline, std::function<void(Instant now)> timeout) {
  impl_->deadline = std::move(deadline);
  impl_->timeout = std::move(timeout);
}
void ControlLoop::stop() {
  impl_->context.stop();
}
asio::io_context& ControlLoop::context() {
  return impl_->context;
}

struct Timer::Impl {
  explicit Impl(asio::io_context& context) : timer(context) {}

  asio::steady_timer timer;
  std::shared_ptr<Executor::Job> job;  // the handler holds it weakly: a cancelled one finds nothing
};

Timer::Timer(ControlLoop& loop) : impl_(std::make_unique<Impl>(loop.context())) {}
Timer::~Timer() = default;

void Timer::start(Duration delay, Executor::Job job) {
  impl_->job = std::make_shared<Executor::Job>(std::move(job));
  impl_->timer.expires_after(delay);
  impl_->timer.async_wait([weak = std::weak_ptr(impl_->job)](const boost::system::error_code& cancelled) {
    const auto due = weak.lock();
    if (!due || cancelled) return;
    Executor::Job once = std::move(*due);  // may destroy the timer
    once();
  });
}

void Timer::cancel() {
  impl_->job.reset();
  impl_->timer.cancel();
}

}  // namespace holdfast::io

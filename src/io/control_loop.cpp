#include "io/control_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace holdfast::io {

namespace asio = boost::asio;

struct ControlLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
};

ControlLoop::ControlLoop() : impl_(std::make_unique<Impl>()) {}
ControlLoop::~ControlLoop() = default;

void ControlLoop::post(Job job) {
  asio::post(impl_->context, std::move(job));
}
void ControlLoop::run() {
  impl_->context.run();
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

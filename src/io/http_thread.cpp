#include "io/http_thread.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "io/storage_thread.hpp"

namespace holdfast::io {

namespace asio = boost::asio;

struct HttpThread::Impl {
  explicit Impl(HttpHandler handle) : handler(std::move(handle)) {}

  HttpHandler handler;  // the control thread's
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  StorageThread readers;
  std::unique_ptr<HttpServer> server;  // the thread's, once that runs
  ListenAddress local;
  std::jthread thread;
};

HttpThread::HttpThread(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpThread>> HttpThread::open(HttpServer::Options options, Executor& control,
                                                     HttpHandler handler) {
  auto impl = std::make_unique<Impl>(std::move(handler));
  Impl* shared = impl.get();
  auto server = HttpServer::open(
      impl->context, impl->readers, std::move(options),
      [shared, &control](IncomingRequest request, HttpReply reply) {
        control.post([shared, request = std::move(request), reply = std::move(reply)]() mutable {
          shared->handler(std::move(request), std::move(reply));
        });
      });
  if (!server) return std::unexpected(std::move(server.error()));
  impl->server = std::move(*server);
  impl->local = impl->server->local();
  impl->thread = std::jthread([shared] { shared->context.run(); });
  return std::unique_ptr<HttpThread>(new HttpThread(std::move(impl)));
}

HttpThread::~HttpThread() {  // NOLINT(bugprone-exception-escape): without memory for the job, the process
                             // ends
  // The server ends on its own thread, and what it leaves there with it.
  asio::post(impl_->context, [impl = impl_.get()] {
    impl->server.reset();
    impl->work.reset();
  });
  impl_->thread.join();
}

ListenAddress HttpThread::local() const {
  return impl_->local;
}

void HttpThread::set_tls(TlsContext tls) {
  asio::post(impl_->context, [impl = impl_.get(), tls = std::move(tls)]() mutable {
    if (impl->server) impl->server->set_tls(std::move(tls));
  });
}

void HttpThread::stop() {
  asio::post(impl_->context, [impl = impl_.get()] {
    if (impl->server) impl->server->stop();
  });
}

}  // namespace holdfast::io

#pragma once

#include <memory>

#include "base/executor.hpp"
#include "io/http_server.hpp"

namespace holdfast::io {

// An HttpServer on a thread of its own, with another one that reads streamed bodies: neither slow clients nor
// many of them take time from the control thread, which sees whole requests only.
class HttpThread {
 public:
  // Listens. `handler` runs on `control`, which outlives the server; once it runs no more jobs, the server
  // may be destroyed. Errors: io, with the address and what to do.
  static Result<std::unique_ptr<HttpThread>> open(HttpServer::Options options, Executor& control,
                                                  HttpHandler handler);
  ~HttpThread();
  HttpThread(const HttpThread&) = delete;
  HttpThread& operator=(const HttpThread&) = delete;

  ListenAddress local() const;
  // As HttpServer::set_tls(). Any thread.
  void set_tls(TlsContext tls);
  // As HttpServer::stop(). Any thread.
  void stop();

 private:
  struct Impl;
  explicit HttpThread(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::io

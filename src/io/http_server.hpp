#pragma once

#include <cstddef>
#include <memory>

#include "base/address.hpp"
#include "base/executor.hpp"
#include "base/http_exchange.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "io/tls_context.hpp"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): its own name
}

namespace holdfast::io {

// An HTTP/1.1 server (RFC 9112) with keep-alive, on the thread of its io_context, which also calls the
// handler. What is no HTTP or too large is answered here (400, 413, 417, 431) and the connection closed; what
// is too slow is closed. A reply may come from any thread; one that is dropped uncalled is answered 503.
// Bodies that are streamed (HttpBody) are read on `readers`.
class HttpServer {
 public:
  struct Options {
    ListenAddress listen{{IpAddress::from_v4(127, 0, 0, 1), 8000}};  // port 0: any; see local()
    TlsContext tls = nullptr;                                        // null: plain HTTP
    std::size_t max_header_bytes = 16 << 10;
    std::size_t max_body_bytes = 1 << 20;
    // One more takes the place of the connection that is idle for the longest, or is closed at once.
    std::size_t max_connections = 1024;
    std::size_t max_streams = 64;                      // streamed bodies at once; more are answered 503
    Duration idle_timeout = std::chrono::seconds(75);  // between requests, on a kept-alive connection
    Duration transfer_timeout =
        std::chrono::seconds(15);  // for one request to come in, for one response to go out
    Duration stall_timeout = std::chrono::seconds(60);  // for one piece of a streamed body to go out
  };

  // Listens. Errors: io, with the address and what to do.
  // `readers` outlives the server.
  static Result<std::unique_ptr<HttpServer>> open(boost::asio::io_context& context, Executor& readers,
                                                  Options options, HttpHandler handler);
  // Closes everything; replies that come later go nowhere.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  ListenAddress local() const;
  // For the connections that come from now on.
  void set_tls(TlsContext tls);
  std::size_t connections() const;
  // No new connections; idle ones are closed; requests under way are answered, then theirs are closed as
  // well. After that nothing of the server is left in the io_context.
  void stop();

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;  // shared with its connections' coroutines
};

}  // namespace holdfast::io

#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "base/address.hpp"
#include "base/result.hpp"
#include "io/http_stream.hpp"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): its own name
}

namespace holdfast::io {

// Where the HTTP server's connections come from: a TCP port, or a Unix socket, whose file it makes and
// removes. On the thread of its io_context.
class HttpAcceptor {
 public:
  struct Accepted {
    HttpStream::Socket socket;
    Endpoint remote;  // of a Unix socket: none
  };

  explicit HttpAcceptor(boost::asio::io_context& context);
  ~HttpAcceptor();
  HttpAcceptor(const HttpAcceptor&) = delete;
  HttpAcceptor& operator=(const HttpAcceptor&) = delete;

  // A socket file that nobody listens on any more is replaced. Errors: io, with the address and what to do.
  Result<void> listen(const ListenAddress& address);
  // With the port that was chosen.
  ListenAddress local() const;
  // The next connection; nothing if it failed, or after close().
  boost::asio::awaitable<std::optional<Accepted>> accept();
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::io

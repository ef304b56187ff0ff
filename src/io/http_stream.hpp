#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "io/tls_context.hpp"

namespace holdfast::io {

// A connection that the HTTP server accepted: TCP or a Unix socket, with TLS or without. The only place that
// reads and writes it, because each of Asio's operations takes the compiler long. On the thread of its
// executor.
class HttpStream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using ErrorStatus = boost::system::error_code;

  // `tls` null: plain.
  HttpStream(Socket socket, const TlsContext& tls);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  boost::asio::any_io_executor get_executor();
  // For the operations that begin from now on; they end with an error.
  void expires_after(Duration span);
  void expires_never();
  // Operations end with an error.
  void close();
  // No more will be sent, and the other end learns of it.
  void shut_down_send();

  // TLS only; else done at once.
  boost::asio::awaitable<ErrorStatus> handshake();
  boost::asio::awaitable<std::pair<ErrorStatus, std::size_t>> read_some(boost::asio::mutable_buffer into);
  boost::asio::awaitable<ErrorStatus> write(std::string_view head, std::string_view body);
  // Says goodbye with TLS; else done at once.
  boost::asio::awaitable<void> shut_down();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::io

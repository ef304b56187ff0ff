#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/http.hpp"
#include "base/time.hpp"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): its own name
}

namespace holdfast::io {

struct WebSocketOptions {
  bool tls = false;
  std::string host;  // name or address, IPv6 without brackets
  std::uint16_t port = 0;
  std::string target;  // "/path?query"
  std::vector<HttpHeader> headers;
  std::string ca_file;  // PEM; trusted instead of the system's store. Empty: the system's
  Duration connect_timeout = std::chrono::seconds(10);  // name, TCP, TLS and upgrade together
  std::size_t max_message_bytes = 2 << 20;
  std::size_t max_queued_bytes =
      1 << 20;  // a server that does not read: more than this closes the connection
};

struct WebSocketClosed {
  enum class Cause : std::uint8_t {
    unreachable,  // name, TCP, TLS handshake or time
    refused,      // its machine answers, but nobody listens at the port
    untrusted,    // the server's certificate does not verify
    declined,     // an HTTP answer instead of an upgrade: `status` and `body`
    closed,       // the server said close
    lost,         // broken while open, or the send queue overflowed
  };
  Cause cause = Cause::lost;
  std::string why;  // for people; holds neither target nor header fields
  int status = 0;
  std::string body;
};

class WebSocketHandler {
 public:
  virtual ~WebSocketHandler() = default;
  virtual void handle_open() = 0;
  virtual void handle_message(Bytes message) = 0;
  // The last call. The socket may be destroyed from within.
  virtual void handle_closed(const WebSocketClosed& closed) = 0;
};

// A WebSocket client (RFC 6455) over ws or wss, binary messages, on the thread of its io_context. Pings are
// answered.
class WebSocket {
 public:
  // Starts connecting; the handler is called from the io_context, never from within these functions.
  WebSocket(boost::asio::io_context& context, WebSocketOptions options, WebSocketHandler& handler);
  // Drops the connection; no call comes any more. Allowed from within every call.
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Queues a copy; before it is open or after it closed: dropped.
  void send(Bytes message);
  // The close handshake, once what is queued is out. handle_closed() comes when the server answered or went
  // away, at the latest after 2 s.
  void close();

  class Impl;  // known to websocket.cpp only

 private:
  std::shared_ptr<Impl> impl_;  // shared with its own operations under way, nobody else
};

}  // namespace holdfast::io

#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "io/websocket.hpp"
#include "livekit/ending.hpp"
#include "livekit/url.hpp"

namespace holdfast::io {

struct LivekitOptions {
  livekit::ServerUrl server;
  std::string target;  // livekit::signal_target() or resume_target()
  std::string token;
  Duration connect_timeout = std::chrono::seconds(10);
  std::string ca_file = {};  // PEM, for wss; empty: the system's trust store
};

class LivekitHandler {
 public:
  virtual ~LivekitHandler() = default;
  virtual void handle_message(Bytes message) = 0;
  // It is gone, or never came about: the last call, from within which it may be destroyed.
  virtual void handle_closed(const livekit::Ended& why) = 0;
};

// One signalling connection to a LiveKit server: a WebSocket, and what its end means. On the thread of the
// io_context (the control thread).
class LivekitConnection final : private WebSocketHandler {
 public:
  // Starts at once; the handler is called from the io_context, never from within these functions. Destroying
  // it drops the connection without a goodbye, and no call comes any more.
  LivekitConnection(boost::asio::io_context& context, const LivekitOptions& options, LivekitHandler& handler);

  // As WebSocket's functions of these names.
  void send(Bytes message) { socket_.send(message); }
  void close() { socket_.close(); }

 private:
  void handle_open() override {}
  void handle_message(Bytes message) override { handler_.handle_message(message); }
  void handle_closed(const WebSocketClosed& closed) override;

  LivekitHandler& handler_;
  WebSocket socket_;
};

}  // namespace holdfast::io

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/http.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "livekit/ending.hpp"
#include "livekit/url.hpp"

namespace holdfast::control {

// Called on the control thread, never from within a call to the socket.
class SignalSocketHandler {
 public:
  virtual ~SignalSocketHandler() = default;
  virtual void handle_message(Bytes message) = 0;
  // It is gone, or never came about: the last call, from within which the socket may be destroyed.
  virtual void handle_closed(const livekit::Ended& why) = 0;
};

// One signalling connection to a LiveKit server. Destroying it drops the connection without a goodbye, and no
// call comes any more.
class SignalSocket {
 public:
  virtual ~SignalSocket() = default;
  virtual void send(Bytes message) = 0;
  // Once what was sent is out.
  virtual void close() = 0;
};

// The ways from the control plane to servers.
class Network {
 public:
  using HttpReply = std::move_only_function<void(const Result<HttpResponse>&)>;
  virtual ~Network() = default;
  // `target` and `token` as livekit::Signalling::connect() has them. The handler outlives the socket.
  virtual std::unique_ptr<SignalSocket> connect(const livekit::ServerUrl& server, std::string target,
                                                const std::string& token, Duration timeout,
                                                SignalSocketHandler& handler) = 0;
  // The reply comes once, on the control thread, never from within the call.
  virtual void send(HttpRequest request, HttpReply reply) = 0;
};

}  // namespace holdfast::control

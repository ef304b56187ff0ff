#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/address.hpp"
#include "base/result.hpp"

namespace holdfast::bench {

// The server's end of one signalling connection. Any thread; of a connection that is gone nothing comes.
class SignalWriter {
 public:
  virtual ~SignalWriter() = default;
  // One binary message, in order.
  virtual void send(std::string message) = 0;
  // After what was sent.
  virtual void close() = 0;
};

// What becomes of a connection, on the server's thread.
struct SignalReader {
  std::function<void(std::string message)> message;
  std::function<void()> closed;  // the last call
};

// A WebSocket server (RFC 6455) on a thread of its own, for the signalling of many rooms. Whatever path is
// asked for is upgraded.
class SignalServer {
 public:
  struct Options {
    Endpoint listen;
    std::string certificate_file;  // PEM; empty: ws, not wss
    std::string key_file;
  };
  // On the server's thread, for each connection; nothing: it is not wanted.
  using Accept = std::function<std::optional<SignalReader>(std::shared_ptr<SignalWriter>)>;

  // Errors: io, when the address or the certificate cannot be used.
  static Result<std::unique_ptr<SignalServer>> open(const Options& options, Accept accept);
  // Drops all connections.
  ~SignalServer();
  SignalServer(const SignalServer&) = delete;
  SignalServer& operator=(const SignalServer&) = delete;

 private:
  class Impl;
  explicit SignalServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::bench

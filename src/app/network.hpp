#pragma once

#include "control/network.hpp"
#include "io/control_loop.hpp"
#include "io/http_client.hpp"

namespace holdfast::app {

// The control plane's ways to servers, by real sockets. Control thread.
class Network final : public control::Network {
 public:
  // `control` outlives it.
  explicit Network(io::ControlLoop& control) : control_(control) {}

  std::unique_ptr<control::SignalSocket> connect(const livekit::ServerUrl& server, std::string target,
                                                 const std::string& token, Duration timeout,
                                                 control::SignalSocketHandler& handler) override;
  void send(HttpRequest request, HttpReply reply) override;

 private:
  io::ControlLoop& control_;
  io::HttpClient http_;
};

}  // namespace holdfast::app

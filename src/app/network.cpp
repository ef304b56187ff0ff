#include "app/network.hpp"

#include <utility>

#include "io/livekit_connection.hpp"

namespace holdfast::app {
namespace {

class LivekitSocket final : public control::SignalSocket, private io::LivekitHandler {
 public:
  LivekitSocket(io::ControlLoop& control, const io::LivekitOptions& options,
                control::SignalSocketHandler& handler)
      : handler_(handler), connection_(control.context(), options, *this) {}

  void send(Bytes message) override { connection_.send(message); }
  void close() override { connection_.close(); }

 private:
  void handle_message(Bytes message) override { handler_.handle_message(message); }
  void handle_closed(const livekit::Ended& why) override { handler_.handle_closed(why); }

  control::SignalSocketHandler& handler_;
  io::LivekitConnection connection_;
};

}  // namespace

std::unique_ptr<control::SignalSocket> Network::connect(const livekit::ServerUrl& server, std::string target,
                                                        const std::string& token, Duration timeout,
                                                        control::SignalSocketHandler& handler) {
  const io::LivekitOptions options{
      .server = server, .target = std::move(target), .token = token, .connect_timeout = timeout};
  return std::make_unique<LivekitSocket>(control_, options, handler);
}

void Network::send(HttpRequest request, HttpReply reply) {
  http_.send(std::move(request), control_,
             [reply = std::move(reply)](const Result<HttpResponse>& response) mutable { reply(response); });
}

}  // namespace holdfast::app

#pragma once

#include <memory>
#include <string>

#include "load/peer_session.hpp"
#include "load/signal_server.hpp"

namespace holdfast::livekit::wire {
class SignalRequest;
class SignalResponse;
}  // namespace holdfast::livekit::wire

namespace holdfast::bench {

// One room of a LiveKit server with one who publishes and one who subscribes: join, subscription, offer,
// answer, pings and leave; nothing breaks. A real server beside the recorder would take more than two cores.
class RoomSession final : public PeerSession {
 public:
  RoomSession(Studio& studio, std::shared_ptr<const dtls::Certificate> certificate, int number,
              std::shared_ptr<SignalWriter> subscriber)
      : PeerSession(studio, std::move(certificate), {}),
        number_(number),
        subscriber_(std::move(subscriber)) {}

  void begin(const Now& now) override;
  // The room closes.
  void end(const Now& now) override;
  // Of the subscriber.
  void handle_message(const std::string& message);
  void handle_closed();

 private:
  void handle_answer(const std::string& sdp);
  void send(const livekit::wire::SignalResponse& response);

  const int number_;
  std::shared_ptr<SignalWriter> subscriber_;
  bool offered_ = false;
};

}  // namespace holdfast::bench

#pragma once

#include <memory>
#include <string>

#include "control/environment.hpp"
#include "livekit/membership.hpp"

namespace holdfast::control {

// A livekit::Membership at work: with sockets, HTTP and time. Control thread.
class RoomMember final : private livekit::Signalling, private SignalSocketHandler {
 public:
  // `environment` and `subscriber` outlive it.
  RoomMember(const Environment& environment, livekit::Membership::Options options,
             livekit::Subscriber& subscriber);

  // As livekit::Membership's functions of these names.
  void start();
  void leave();
  void handle_media_lost();
  void handle_answer(const livekit::OfferKey& key, const Result<std::string>& answer);

 private:
  // Calls into the membership, and sees to it that it is called again in time.
  template <typename Call>
  void drive(Call call);
  void handle_timeout();

  void handle_message(Bytes message) override;
  void handle_closed(const livekit::Ended& why) override;

  void connect(const livekit::ServerUrl& server, std::string target, const std::string& token) override;
  void send(Bytes message) override { socket_->send(message); }
  void close() override { socket_->close(); }
  void ask(HttpRequest request) override;

  const Environment& environment_;
  const Duration connect_timeout_;
  livekit::Membership membership_;
  std::unique_ptr<SignalSocket> socket_;
  Timer timer_;
  Instant armed_ = never;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // an HTTP reply looks whether we are there
};

}  // namespace holdfast::control

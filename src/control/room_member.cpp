#include "control/room_member.hpp"

#include <utility>

namespace holdfast::control {

RoomMember::RoomMember(const Environment& environment, livekit::Membership::Options options,
                       livekit::Subscriber& subscriber)
    : environment_(environment),
      connect_timeout_(options.room.join_timeout),
      membership_(std::move(options), environment.random, *this, subscriber),
      timer_(environment.timers) {}

template <typename Call>
void RoomMember::drive(Call call) {
  call(environment_.clock.read());
  const Instant deadline = membership_.deadline();
  if (std::exchange(armed_, deadline) == deadline) return;
  if (deadline == never) return timer_.cancel();
  timer_.start(deadline, [this] { handle_timeout(); });
}

void RoomMember::handle_timeout() {
  armed_ = never;
  drive([this](const Now& now) { membership_.handle_timeout(now); });
}
void RoomMember::start() {
  drive([this](const Now& now) { membership_.start(now); });
}
void RoomMember::leave() {
  drive([this](const Now& now) { membership_.leave(now); });
}
void RoomMember::handle_media_lost() {
  drive([this](const Now& now) { membership_.handle_media_lost(now); });
}
void RoomMember::handle_answer(const livekit::OfferKey& key, const Result<std::string>& answer) {
  drive([&](const Now& now) { membership_.handle_answer(now, key, answer); });
}
void RoomMember::handle_message(Bytes message) {
  drive([&](const Now& now) { membership_.handle_message(now, message); });
}
void RoomMember::handle_closed(const livekit::Ended& why) {
  drive([&](const Now& now) { membership_.handle_closed(now, why); });
}

void RoomMember::connect(const livekit::ServerUrl& server, std::string target, const std::string& token) {
  socket_ = environment_.network.connect(server, std::move(target), token, connect_timeout_, *this);
}

void RoomMember::ask(HttpRequest request) {
  environment_.network.send(std::move(request),
                            [this, alive = std::weak_ptr(alive_)](const Result<HttpResponse>& reply) {
                              if (alive.expired()) return;
                              drive([&](const Now& now) { membership_.handle_endpoint_reply(now, reply); });
                            });
}

}  // namespace holdfast::control

#include "io/livekit_connection.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "io/clock.hpp"
#include "io/websocket.hpp"

namespace holdfast::io {
namespace {

WebSocketOptions websocket_options(const LivekitOptions& options, std::string target) {
  WebSocketOptions result;
  result.tls = options.server.transport == livekit::Transport::tls;
  result.target = std::move(target);
  result.host = options.server.host;
  result.port = options.server.port;
  result.headers = {{"Authorization", "Bearer " + options.token}};
  result.ca_file = options.ca_file;
  result.connect_timeout = options.room.join_timeout;
  return result;
}

livekit::Ended ending_of(const WebSocketClosed& closed) {
  using livekit::EndKind;
  switch (closed.cause) {
    case WebSocketClosed::Cause::unreachable:
      return {EndKind::rejoin, closed.why, livekit::Fault::network};
    case WebSocketClosed::Cause::refused:
      return {EndKind::rejoin, closed.why};
    case WebSocketClosed::Cause::untrusted:
      return {EndKind::refused, closed.why};
    case WebSocketClosed::Cause::declined:
      return livekit::ending_of_refusal(closed.status, closed.body);
    case WebSocketClosed::Cause::closed:
    case WebSocketClosed::Cause::lost:
      return {EndKind::resume, closed.why};
  }
  return {EndKind::rejoin, closed.why};
}

}  // namespace

class LivekitConnection::Impl final : public WebSocketHandler,
                                      public livekit::SignalSink,
                                      public std::enable_shared_from_this<Impl> {
 public:
  Impl(boost::asio::io_context& context, LivekitOptions options, livekit::RoomEvents& events)
      : context_(context),
        options_(std::move(options)),
        room_(options_.room, events, *this, read_monotonic_clock()),
        timer_(context) {
    connect(livekit::signal_target(options_.server));
  }

  void resume(std::string token) {
    options_.token = std::move(token);
    connect(livekit::resume_target(options_.server, room_.own_sid()));
    drive([](livekit::Room& room) { room.resume(read_monotonic_clock()); });
  }

  // Calls into the room and takes care of what may follow from it: a new deadline, or the end. The owner may
  // destroy the LivekitConnection in between; `self` keeps us, and our members, until we are out of the room.
  template <typename Call>
  void drive(Call call) {
    const auto self = shared_from_this();
    call(room_);
    if (socket_ == nullptr) return;
    if (room_.ended()) socket_->close();
    arm_timer();
  }

  void stop() {
    socket_.reset();
    timer_.cancel();
  }

  void send(Bytes message) override { socket_->send(message); }

 private:
  void connect(std::string target) {
    socket_ = std::make_unique<WebSocket>(context_, websocket_options(options_, std::move(target)), *this);
  }
  void handle_open() override {}
  void handle_message(Bytes message) override {
    drive([&](livekit::Room& room) { room.handle_message(message, read_monotonic_clock()); });
  }
  void handle_closed(const WebSocketClosed& closed) override {
    drive([&](livekit::Room& room) { room.handle_closed(ending_of(closed)); });
  }

  void arm_timer() {
    const Instant deadline = room_.deadline();
    if (deadline == armed_) return;
    armed_ = deadline;
    if (deadline == never) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(deadline - read_monotonic_clock());
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr || self->socket_ == nullptr) return;
      self->armed_ = never;
      self->drive([](livekit::Room& room) { room.handle_timeout(read_monotonic_clock()); });
    });
  }

  boost::asio::io_context& context_;
  LivekitOptions options_;
  livekit::Room room_;
  boost::asio::steady_timer timer_;
  Instant armed_ = never;
  std::unique_ptr<WebSocket> socket_;  // null: stopped
};

LivekitConnection::LivekitConnection(boost::asio::io_context& context, LivekitOptions options,
                                     livekit::RoomEvents& events)
    : impl_(std::make_shared<Impl>(context, options, events)) {
  impl_->drive([](livekit::Room&) {});
}

LivekitConnection::~LivekitConnection() {
  impl_->stop();
}

void LivekitConnection::resume(std::string token) {
  impl_->resume(std::move(token));
}
void LivekitConnection::send_answer(std::uint32_t offer_id, std::string_view sdp) {
  impl_->drive([&](livekit::Room& room) { room.send_answer(offer_id, sdp); });
}
void LivekitConnection::send_candidate(std::string_view candidate, std::string_view mid) {
  impl_->drive([&](livekit::Room& room) { room.send_candidate(candidate, mid); });
}
void LivekitConnection::leave() {
  impl_->drive([](livekit::Room& room) { room.leave(read_monotonic_clock()); });
}

}  // namespace holdfast::io

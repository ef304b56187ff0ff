#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "livekit/room.hpp"
#include "livekit/url.hpp"

namespace boost::asio {
class io_context;
}

namespace holdfast::io {

struct LivekitOptions {
  livekit::ServerUrl server;
  std::string token;
  livekit::RoomConfig room;
  std::string ca_file;  // PEM, for wss; empty: the system's trust store
};

// Joins a room and drives a livekit::Room over a WebSocket, on the thread of the io_context (the control
// thread). The owner sees one interface, RoomEvents; on_ended() comes exactly once, and once more after each
// resume(), also when the connection never came about.
class LivekitConnection {
 public:
  // Starts at once; events come from the io_context, never from within these functions.
  LivekitConnection(boost::asio::io_context& context, LivekitOptions options, livekit::RoomEvents& events);
  // Drops the connection without a goodbye (the server notices); no event comes any more. Not from within an
  // event other than on_ended().
  ~LivekitConnection();
  LivekitConnection(const LivekitConnection&) = delete;
  LivekitConnection& operator=(const LivekitConnection&) = delete;

  // Goes on with the session over another WebSocket, after an end of EndKind::resume or while it stands
  // (media needs an ICE restart). `token`: the newest. Not from within an event.
  void resume(std::string token);

  // After the end these do nothing.
  void send_answer(std::uint32_t offer_id, std::string_view sdp);
  void send_candidate(std::string_view candidate, std::string_view mid);
  // Says goodbye; on_ended() with EndKind::left follows within livekit::Room::leave_timeout.
  void leave();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with its timer, nobody else
};

}  // namespace holdfast::io

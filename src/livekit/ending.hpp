#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::livekit {

namespace wire {
class Leave;
}

// What the owner of a session should do now that it is over.
enum class EndKind : std::uint8_t {
  left,          // we left, as asked: done
  stream_ended,  // the room is gone for good: finish the file
  refused,       // the server, or our own rules, say no and will say no again: fail, with `why`
  not_live,      // the room does not exist, or closed for want of people, who may come (back): join again
                 // after a while, up to the owner's wait or gap limit
  resume,        // the signalling connection is lost, the media may still flow: Room::resume(), or join anew
  rejoin,        // join anew, with the newest token
};
std::string_view to_string(EndKind kind);

// Where the trouble lies that ended it, as far as can be told from here.
enum class Fault : std::uint8_t { server, network, publisher };

struct Ended {
  EndKind kind = EndKind::rejoin;
  std::string why;  // for people; never holds a token
  Fault fault = Fault::server;
};

// What a server's leave message asks for.
Ended ending_of_leave(const wire::Leave& leave);

// What an HTTP answer to the WebSocket upgrade means. The body is the server's text; it may repeat our whole
// token, so nothing of it reaches `why`.
Ended ending_of_refusal(int status, std::string_view body);

}  // namespace holdfast::livekit

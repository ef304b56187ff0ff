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
  not_live,      // the room does not exist yet: join again after a while, up to the owner's wait limit
  resume,        // the signalling connection is lost, the media may still flow: resume, or join anew
  rejoin,        // join anew, with the newest token
};
std::string_view to_string(EndKind kind);

struct Ended {
  EndKind kind = EndKind::rejoin;
  std::string why;  // for people; never holds a token
};

// What a server's leave message asks for. `recording`: something to record had been found; before that, a
// room that closes because nobody came says nothing about the stream.
enum class Progress : std::uint8_t { waiting, recording };
Ended ending_of_leave(const wire::Leave& leave, Progress progress);

// What an HTTP answer to the WebSocket upgrade means. The body is the server's text; it may repeat our whole
// token, so nothing of it reaches `why`.
Ended ending_of_refusal(int status, std::string_view body);

}  // namespace holdfast::livekit

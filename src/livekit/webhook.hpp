#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::livekit {

// What a webhook says, as far as it concerns whether a stream is live.
struct WebhookEvent {
  enum class Kind : std::uint8_t {
    published,      // track_published: somebody is live
    room_over,      // room_finished: nobody is
    maybe_changed,  // somebody came or went, a room began, a track went: worth a look
    other,
  };
  Kind kind = Kind::other;
  std::string room;                 // its name
  std::string participant;          // identity, where the event is about one
  bool muted = false;               // the track that was published
  std::optional<WallTime> created;  // by the server's clock; a delivery may be a late repetition
};

// Reads a webhook of LiveKit's: `authorization` is the whole field, a JWT without "Bearer", whose claim
// sha256 is the body's digest. Errors: refused (not signed with this key and secret, for another body, or no
// longer valid by more than a minute), invalid (well signed, but no event).
Result<WebhookEvent> read_webhook(std::string_view authorization, std::string_view body,
                                  std::string_view api_key, std::string_view api_secret, WallTime now);

}  // namespace holdfast::livekit

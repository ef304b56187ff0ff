#pragma once

#include <expected>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/http.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "livekit/retry_after.hpp"
#include "livekit/url.hpp"

namespace holdfast::livekit {

enum class Presence : std::uint8_t { nobody_publishes, publishes };
enum class MutedTracks : std::uint8_t { count, do_not_count };

// LiveKit's server API (Twirp, JSON) as far as it tells whether a stream is live. Makes requests and reads
// replies; the HTTP client is the caller's. Values only, any thread.
//
// ListRooms tells of many rooms at once which of them exist at all. What it says of the people in them lags
// behind; ListParticipants does not.
class RoomService {
 public:
  // AskLater: how long to leave the server alone (Retry-After; may be zero), and why.code: unavailable = it
  // is in trouble, refused = it will say the same again.
  template <typename T>
  using Answer = std::expected<T, AskLater>;

  RoomService(ServerUrl server, std::string api_key, std::string api_secret);

  HttpRequest list_rooms(std::span<const std::string> names, WallTime now) const;
  HttpRequest list_participants(std::string_view room, WallTime now) const;

  // The names of those rooms that exist.
  static Answer<std::set<std::string, std::less<>>> read_rooms(const Result<HttpResponse>& reply,
                                                               WallTime now);
  // Whether this participant publishes sound or pictures; `identity` empty: whether anybody does.
  static Answer<Presence> read_participants(const Result<HttpResponse>& reply, std::string_view identity,
                                            MutedTracks muted, WallTime now);

 private:
  HttpRequest call(std::string_view method, std::string body, std::string room, WallTime now) const;

  const ServerUrl server_;
  const std::string api_key_;
  const std::string api_secret_;
};

}  // namespace holdfast::livekit

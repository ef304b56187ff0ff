#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "livekit/track.hpp"

namespace holdfast::livekit {

// A participant that publishes, or did.
struct Publisher {
  std::string identity;
  std::string sid;
  std::uint32_t version = 0;
  std::int64_t joined_at_ms = 0;
  std::vector<Track> tracks;

  bool can_record(media::Kind kind) const;
  bool can_record() const { return can_record(media::Kind::video) || can_record(media::Kind::audio); }
};

// Who publishes what, from the full snapshots that the server sends, in whatever order they come.
// Participants that never published are not kept: a popular room has thousands.
class Roster {
 public:
  static constexpr std::size_t max_participants = 4096;

  enum class Change : std::uint8_t { none, updated, left };
  // Takes a snapshot of one participant; one older than what is known changes nothing.
  Change apply(const wire::Participant& info);

  // The server will not give us this track, or will again. Unknown tracks are ignored.
  void refuse(std::string_view track_sid, std::string_view why);
  void allow(std::string_view track_sid);

  // In the order in which they joined the room.
  std::span<const Publisher> publishers() const { return publishers_; }
  const Publisher* find(std::string_view identity) const;
  const Track* find_track(std::string_view sid) const;

 private:
  Publisher* find_mutable(std::string_view identity);
  Track* find_mutable_track(std::string_view sid);
  std::vector<Track> read_tracks(const wire::Participant& info) const;
  void insert(Publisher publisher);

  std::vector<Publisher> publishers_;
  std::map<std::string, std::string, std::less<>>
      server_refusals_;  // track sid -> refusal; outlast snapshots
};

}  // namespace holdfast::livekit

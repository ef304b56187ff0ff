#pragma once

#include <cstdint>
#include <optional>

#include "base/random.hpp"
#include "base/time.hpp"
#include "livekit/ending.hpp"

namespace holdfast::livekit {

// How a recorder stays in a room whatever breaks: whether the lost connection is resumed or made anew, and
// when. Resuming keeps the media connection and its keys; joining anew makes others. Pure logic, one thread,
// of one recording.
//
// The waits grow as those of LiveKit's own clients, each a quarter shorter or longer by chance, so that the
// recordings of one server do not come back to it in one instant. They begin at zero again once a connection
// held for `steady`.
class Continuity {
 public:
  static constexpr Duration steady = std::chrono::seconds(10);
  // A session that could not be resumed for so long is gone: the server keeps it for some 20 s.
  static constexpr Duration resume_limit = std::chrono::seconds(30);
  // Media that is lost again so soon after an ICE restart is not helped by another.
  static constexpr Duration media_patience = std::chrono::seconds(60);

  enum class Step : std::uint8_t { resume, join };
  struct Attempt {
    Step step = Step::join;
    Duration wait{};
  };

  // `random` outlives it.
  explicit Continuity(Random& random) : random_(random) {}

  // After an end of kind resume, rejoin or not_live.
  Attempt after_end(EndKind kind, Instant now);
  // The media connection failed while signalling stood.
  Attempt after_media_loss(Instant now);
  // Joined, or resumed.
  void handle_connected(Instant now);

 private:
  Duration next_wait();

  Random& random_;
  std::size_t attempts_ = 0;
  std::optional<Instant> connected_at_;   // while connected
  std::optional<Instant> lost_at_;        // signalling, since it last stood
  std::optional<Instant> media_lost_at_;  // the last time
};

}  // namespace holdfast::livekit

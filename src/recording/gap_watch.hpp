#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.hpp"
#include "journal/reasons.hpp"
#include "livekit/ending.hpp"

namespace holdfast::recording {

// Why no media comes, as the journal and the status say it.
enum class GapCause : std::uint8_t {
  network,  // nobody said why: it is lost on the way
  left,     // the publisher is away, or publishes nothing
  server,   // the server is gone, or has lost us
  restart,  // we were gone ourselves
};
std::string_view to_string(GapCause cause);
// What signalling tells of where the trouble lies.
GapCause cause_of(livekit::Fault fault);

// A span without media on any track.
struct Gap {
  Instant from;  // the last packet before it
  Instant to;    // the first after it
  GapCause cause = GapCause::network;
};

// Tells a recording's gaps: how long, and why; and when silence, or mute, has lasted too long. Mute is no
// gap. Pure logic, the recording's thread.
class GapWatch {
 public:
  // Nothing came for this long: a gap, which began with the last packet.
  static constexpr Duration gap_after = std::chrono::seconds(2);

  // How long everything may be silent, and muted; 0: as long as it likes.
  struct Limits {
    Duration gap{};
    Duration mute{};
  };
  // What the tracks are like at present.
  enum class Tracks : std::uint8_t { expected, all_muted, all_left };
  enum class Recording : std::uint8_t { begun, not_begun };  // before it has begun nothing is a gap

  GapWatch(const Limits& limits, Instant now) : limits_(limits), heard_(now), counts_from_(now) {}
  // Of a recording that another process left when its media had come to `left`: that is a gap, which counts
  // for its length but not for the limit.
  static GapWatch resume(const Limits& limits, Instant now, Instant left);

  // What is known to be wrong at present, and with that the cause; network: nothing.
  void suspect(GapCause cause) { suspected_ = cause; }
  // A packet of the publisher's came.
  void handle_packet(Instant arrival);
  // Silence counts from here.
  void rest(Instant now);
  // Looks at the clock, every second or more often. Gives the gap that is over, once.
  std::optional<Gap> handle_tick(Instant now, Tracks tracks, Recording recording);
  // The recording ends: so does its gap.
  std::optional<Gap> finish(Instant now);

  // gap_limit or mute_limit once that is reached, for good.
  std::optional<journal::EndReason> limit_reached() const { return limit_reached_; }
  bool in_gap() const { return gap_.has_value(); }
  Duration silence(Instant now) const { return now - heard_; }
  // Of all gaps so far, the present one too.
  std::uint64_t count() const { return count_; }
  Duration total(Instant now) const { return total_ + (gap_ ? now - gap_->from : Duration{}); }
  // "network", "left", "server" or "restart" in a gap; else empty.
  std::string_view cause() const { return gap_ ? to_string(gap_->cause) : std::string_view(); }

 private:
  std::optional<Gap> end(Instant to);
  void hold_to(Duration span, Duration limit, journal::EndReason reason);

  const Limits limits_;
  Instant heard_;        // the last packet, or from where silence counts
  Instant counts_from_;  // no limit counts what was before
  std::optional<Instant> muted_since_;
  std::optional<Gap> gap_;  // the present one; `to` is never until a packet comes
  GapCause suspected_ = GapCause::network;
  Duration total_{};  // of those that are over
  std::uint64_t count_ = 0;
  std::optional<journal::EndReason> limit_reached_;
};

}  // namespace holdfast::recording

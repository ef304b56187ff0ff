#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "journal/events.hpp"
#include "media/frame.hpp"
#include "recording/status.hpp"
#include "recording/track.hpp"

namespace holdfast::recording {

class Output;

// What the journal is told of one track: packets and frames that are missing, by cause; pictures that
// followed a lost one; the ledger; how the track's clock lies to its publisher's. What the journal does not
// take is told later. Worker thread.
class TrackJournal {
 public:
  // Both outlive it.
  TrackJournal(const Track& track, Output& output, DamageMode damage)
      : track_(track), output_(output), damage_mode_(damage) {}

  // A frame that is about to be written or dropped.
  void watch(const media::Frame& frame);
  // What is new since the last time.
  void note_news(const Now& now);
  void note_anchor(const Now& now);
  void note_ledger(const TrackStatus& status, const Now& now);
  // All that is left to tell.
  void finish(const TrackStatus& status, const Now& now);

  // So far: they followed a lost one.
  std::uint64_t frames_damaged() const { return frames_damaged_; }

 private:
  struct Dropped {
    std::uint64_t packets = 0;
    std::uint64_t frames = 0;
  };
  enum class Span : std::uint8_t { over, any };
  void note_losses(const Now& now);
  void note_damage(Span span, const Now& now);

  const Track& track_;
  Output& output_;
  const DamageMode damage_mode_;
  std::uint64_t lost_noted_ = 0;
  std::array<Dropped, rtp::drop_causes> dropped_noted_{};
  std::uint64_t frames_lost_noted_ = 0;
  media::Ticks stepped_noted_ = 0;
  // Pictures that followed a lost one: all of them, those not yet in the journal, and whether more may come.
  std::uint64_t frames_damaged_ = 0;
  std::optional<journal::DamageEvent> damage_;
  bool damage_over_ = false;
};

}  // namespace holdfast::recording

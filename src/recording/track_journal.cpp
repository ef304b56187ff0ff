#include "recording/track_journal.hpp"

#include <string>
#include <utility>

#include "recording/output.hpp"

namespace holdfast::recording {

// A key frame is never damaged, so it ends the span.
void TrackJournal::watch(const media::Frame& frame) {
  if (frame.damage == media::Damage::none) {
    if (damage_ && frame.picture == media::Picture::key && !std::exchange(damage_over_, true))
      damage_->to_pts = frame.pts;
    return;
  }
  ++frames_damaged_;
  if (!damage_) {
    damage_ = journal::DamageEvent{journal_track(track_.kind()), frame.pts, frame.pts, 0,
                                   std::string(to_string(damage_mode_))};
  }
  damage_->to_pts = frame.pts;
  damage_over_ = false;
  ++damage_->frames;
}

void TrackJournal::note_news(const Now& now) {
  note_losses(now);
  note_damage(Span::over, now);
}

void TrackJournal::finish(const TrackStatus& status, const Now& now) {
  note_losses(now);
  note_damage(Span::any, now);
  note_ledger(status, now);
}

void TrackJournal::note_damage(Span span, const Now& now) {
  if (!damage_ || (!damage_over_ && span == Span::over)) return;
  if (output_.note(*damage_, now)) damage_.reset();
}

void TrackJournal::note_anchor(const Now& now) {
  if (!track_.last_packet()) return;
  if (const auto anchor = track_.clock().anchor()) {
    output_.note(journal::AnchorEvent{journal_track(track_.kind()), anchor->rtp, anchor->ntp, anchor->pts},
                 now);
  }
}

void TrackJournal::note_ledger(const TrackStatus& status, const Now& now) {
  const PacketCounts& packets = status.packets;
  if (packets.expected == 0) return;
  journal::LedgerEvent event;
  event.track = journal_track(track_.kind());
  event.expected = packets.expected;
  event.written = packets.written;
  event.lost = packets.lost;
  event.dropped = packets.dropped;
  event.pending = packets.pending;
  event.recovered_nack = packets.recovered_nack;
  event.recovered_rtx = packets.recovered_rtx;
  event.recovered_red = packets.recovered_red;
  event.duplicates = packets.duplicates;
  event.late = packets.late;
  event.frames = status.frames;
  event.frames_lost = status.frames_lost;
  event.frames_damaged = status.frames_damaged;
  event.filler_frames = status.filler_frames;
  output_.note(event, now);
}

void TrackJournal::note_losses(const Now& now) {
  const rtp::Ledger& ledger = track_.ledger();
  const int track = journal_track(track_.kind());
  if (const auto lost = ledger.lost() - lost_noted_; lost > 0) {
    const journal::LossEvent loss{track, lost, track_.frames_lost() - frames_lost_noted_, "network"};
    if (output_.note(loss, now)) {
      lost_noted_ = ledger.lost();
      frames_lost_noted_ = track_.frames_lost();
    }
  }
  for (const rtp::DropCause cause : rtp::all_drop_causes) {
    Dropped& noted = dropped_noted_[static_cast<std::size_t>(cause)];
    const Dropped dropped{ledger.dropped(cause), track_.frames_dropped(cause)};
    if (dropped.packets == noted.packets) continue;
    const journal::LossEvent loss{track, dropped.packets - noted.packets, dropped.frames - noted.frames,
                                  std::string(rtp::to_string(cause))};
    if (output_.note(loss, now)) noted = dropped;
  }
  const media::Ticks stepped = track_.clock().counters().stepped;
  if (stepped == stepped_noted_) return;
  if (output_.note(journal::ClockStepEvent{track, stepped - stepped_noted_}, now)) stepped_noted_ = stepped;
}

}  // namespace holdfast::recording

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "media/frame.hpp"

namespace holdfast::storage {

// The journal's events; docs/journal.md is the specification. Adding a field is no new version: readers give
// a missing one its default and skip events they do not know. Tracks are numbered as in media::TrackIndex;
// PTS in 90 kHz ticks.
inline constexpr int journal_version = 1;

// Always the first line.
struct StartEvent {
  int journal = journal_version;
  std::string program{};  // "holdfast 0.1.0"
  std::string recording_id{};
  std::string mint_id{};
  std::string participant{};
  std::string format{};  // asked for
};
// A file begins. `file` is its name within the folder.
struct PartEvent {
  int number = 1;
  std::string file{};
  std::string format{};
  std::string reason{};  // "start", "resolution", "late_video", ...
};
struct TrackEvent {
  int track = 0;
  std::string kind{};
  std::string codec{};       // as received
  std::string written_as{};  // in the file
  int width = 0;
  int height = 0;
  int sample_rate = 0;
  int channels = 0;
};
// The format used is not the one asked for.
struct FormatNoteEvent {
  std::string asked{};
  std::string used{};
  std::string note{};
};
struct AnchorEvent {
  int track = 0;
  std::int64_t rtp = 0;
  std::uint64_t ntp = 0;
  media::Ticks anchor_pts = 0;
};
// A track's clock was moved forward at once (media::TrackClock), by `ticks`.
struct ClockStepEvent {
  int track = 0;
  media::Ticks ticks = 0;
};
// No media on any track between the two times.
struct GapEvent {
  media::Ticks from_pts = 0;
  media::Ticks to_pts = 0;
  std::string cause{};
};
// Media of one track that is not in the file. cause: "network", "disk", "incomplete", ...
struct LossEvent {
  int track = 0;
  std::uint64_t packets = 0;
  std::uint64_t frames = 0;
  std::string cause{};
};
// Pictures that may not look right, from the first to the next key frame, because one before them is missing.
struct DamageEvent {
  int track = 0;
  media::Ticks from_pts = 0;
  media::Ticks to_pts = 0;
  std::uint64_t frames = 0;
  std::string kept{};  // "keep": they are in the file; "drop": they are not
};
// What became of every packet of a track so far: once a minute, and at the end.
struct LedgerEvent {
  int track = 0;
  std::uint64_t expected = 0;
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::uint64_t dropped = 0;
  std::uint64_t pending = 0;
  std::uint64_t recovered_nack = 0;
  std::uint64_t recovered_rtx = 0;
  std::uint64_t recovered_red = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t late = 0;
  std::uint64_t frames = 0;
  std::uint64_t frames_lost = 0;
  std::uint64_t frames_damaged = 0;
  std::uint64_t filler_frames = 0;
};
struct FillEvent {
  int track = 0;
  media::Ticks from_pts = 0;
  media::Ticks to_pts = 0;
  std::uint64_t frames = 0;
};
struct MuteEvent {
  int track = 0;
  bool muted = true;
};
struct ReconnectEvent {
  std::string cause{};
};
// The disk failed, or works again (`error` empty).
struct DiskEvent {
  std::string error{};
};
// Always the last line, if the recording was not cut off.
struct EndEvent {
  std::string reason{};
  double duration = 0;  // s, of media
  std::uint64_t bytes = 0;
  int parts = 0;
};

using JournalEvent = std::variant<StartEvent, PartEvent, TrackEvent, FormatNoteEvent, AnchorEvent,
                                  ClockStepEvent, GapEvent, LossEvent, DamageEvent, LedgerEvent, FillEvent,
                                  MuteEvent, ReconnectEvent, DiskEvent, EndEvent>;

struct JournalEntry {
  WallTime wall;
  media::Ticks pts = 0;  // the recording's media time; 0 before its first frame
  JournalEvent event;
};

// Appends the entry as one line, with its newline.
void serialize(const JournalEntry& entry, ByteVector& out);

struct Journal {
  std::vector<JournalEntry> entries;
  bool torn = false;           // ends in half a line: the writer was cut off
  std::size_t whole_size = 0;  // bytes up to the last newline
  std::size_t unknown = 0;     // lines of a newer version, or damaged

  // The last event of a kind, or null.
  template <typename Event>
  const Event* last() const {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (const auto* event = std::get_if<Event>(&entry->event)) return event;
    }
    return nullptr;
  }
};
// Never fails: what it cannot read it counts.
Journal parse_journal(Bytes bytes);

}  // namespace holdfast::storage

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "journal/reasons.hpp"
#include "media/frame.hpp"

namespace holdfast::journal {

// The journal's events; docs/journal.md is the specification. Adding a field is no new version: readers give
// a missing one its default and skip events they do not know. Tracks are numbered as in media::TrackIndex;
// PTS in 90 kHz ticks.
inline constexpr int version = 1;

// Always the first line.
struct StartEvent {
  int journal = version;
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
  PartReason reason = PartReason::unknown;
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
// These bytes of a part are on stable storage, and this is their CRC-32C (base/crc32c.hpp).
struct ChecksumEvent {
  int part = 1;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string crc32c{};  // eight hex digits
};
// The disk could not promise that these bytes of a part are on it: a failed sync. The part ends there.
struct UnsafeEvent {
  int part = 1;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string error{};
};
// What people or programs say of this instant.
struct MarkerEvent {
  std::string text{};
};
// The end of a part was no whole frame when the recorder came back: the part is `bytes` long now, and what
// was behind lies in the file `kept_as`.
struct TrimmedEvent {
  int part = 1;
  std::uint64_t bytes = 0;
  std::uint64_t cut = 0;
  std::string kept_as{};
};
// A new process goes on with the recording that another left.
struct ResumedEvent {
  std::string program{};
};
// A part was replaced as a whole, after the end: an MP4 by one with its index at the front. Its checksums are
// void, this one holds.
struct ReplacedEvent {
  int part = 1;
  std::uint64_t bytes = 0;
  std::string crc32c{};
  std::string reason{};  // "faststart", "repair"
};
// Whether retention must leave the recording alone; the last one counts.
struct ProtectEvent {
  bool on = true;
};
// In the folder's journal of what was removed: the files named are to go, and soon have gone.
struct RemovedEvent {
  std::string recording_id{};
  std::string mint_id{};
  std::vector<std::string> files{};  // names within the folder, the recording's journal last
  std::uint64_t bytes = 0;           // of them all
  std::string start{};               // of the recording, as `wall`
  std::string end{};
  std::string reason{};  // "keep_days", "keep_bytes", "keep_free"
};
// None of the files of the `removed` line with that number is there any more.
struct RemovalDoneEvent {
  std::uint64_t removal = 0;
};
// The last of the recording itself, if it was not cut off. What was done to the files later follows it.
struct EndEvent {
  EndReason reason = EndReason::unknown;
  double duration = 0;  // s, of media
  std::uint64_t bytes = 0;
  int parts = 0;
};

using Event =
    std::variant<StartEvent, PartEvent, TrackEvent, FormatNoteEvent, AnchorEvent, ClockStepEvent, GapEvent,
                 LossEvent, DamageEvent, LedgerEvent, FillEvent, MuteEvent, ReconnectEvent, DiskEvent,
                 ChecksumEvent, UnsafeEvent, MarkerEvent, TrimmedEvent, ResumedEvent, ReplacedEvent,
                 ProtectEvent, EndEvent, RemovedEvent, RemovalDoneEvent>;

struct Entry {
  std::uint64_t number = 0;  // of its line, from 1
  WallTime wall;
  media::Ticks pts = 0;  // the recording's media time; 0 before its first frame
  Event event;
};

}  // namespace holdfast::journal

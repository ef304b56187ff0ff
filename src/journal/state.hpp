#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/events.hpp"
#include "media/frame.hpp"

namespace holdfast::journal {

struct Span {
  media::Ticks from = 0;
  media::Ticks to = 0;
};
struct ByteRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

// One part, as the journal describes it.
struct PartState {
  int number = 1;
  std::string file{};
  std::string format{};
  PartReason reason = PartReason::unknown;
  media::Ticks pts = 0;              // where it starts
  std::uint64_t journal_offset = 0;  // behind its line: the lines about it follow from there
  std::uint64_t checksums = 0;       // lines
  std::uint64_t checksummed_to = 0;
  std::uint64_t unsafe_to = 0;
  std::optional<ReplacedEvent> replaced{};
  std::optional<TrimmedEvent> trimmed{};  // the last
  std::optional<UnsafeEvent> unsafe{};    // the first

  // Recovery found no complete frame in it: no file has its name any more.
  bool set_aside() const { return trimmed && trimmed->bytes == 0; }
  // The lines about its bytes end here.
  std::uint64_t told_to() const;
};

struct Gap {
  Span span{};
  std::string cause{};
};
struct Losses {
  std::uint64_t packets = 0;
  std::uint64_t frames = 0;
};
struct SizeChange {
  media::Ticks pts = 0;
  int width = 0;
  int height = 0;
};

// One track, as the journal describes it: 0 is the video, 1 the audio.
struct TrackState {
  std::optional<TrackEvent> format{};  // the last
  std::vector<SizeChange> sizes{};
  std::uint64_t size_changes = 0;
  std::map<std::string, Losses> losses{};  // by cause
  std::uint64_t damaged_spans = 0;
  std::uint64_t damaged_frames = 0;
  media::Ticks damaged_ticks = 0;
  std::uint64_t filler_frames = 0;
  media::Ticks filler_ticks = 0;
  std::vector<Span> mutes{};  // those that are over
  std::optional<media::Ticks> muted_since{};
  std::uint64_t mute_count = 0;
  std::optional<AnchorEvent> first_anchor{};
  std::optional<AnchorEvent> last_anchor{};
  media::Ticks clock_steps = 0;
  std::optional<LedgerEvent> ledger{};  // the last

  // With the one that goes on at `end`.
  std::vector<Span> mutes_until(media::Ticks end) const;
};

// A line that no recorder writes, given the lines before it.
struct Contradiction {
  enum class Kind : std::uint8_t {
    order,           // it does not belong there
    checksum_chain,  // its bytes do not continue those of the checksum before
    ledger,          // its counts do not add up
    newer_version,   // of a newer journal: not all of it may be understood
  };
  Kind kind = Kind::order;
  std::uint64_t line = 0;
  media::Ticks pts = 0;
  std::string detail{};
  std::optional<ByteRange> bytes{};  // checksum_chain: where they part
};

// What a journal says of a recording: the only interpretation of its lines. Given them in order, all or as
// many as there are so far, by one thread. Bounded: what may repeat without end is summed up, or kept up to a
// limit and counted.
struct State {
  static constexpr std::size_t max_listed = 10'000;
  static constexpr std::size_t max_parts = 100'000;
  static constexpr std::size_t max_texts = 100;
  static constexpr std::size_t max_contradictions = 1'000;

  // `behind`: the offset behind the entry's line, where it is known.
  void take(const Entry& entry, std::uint64_t behind = 0);

  bool ended() const { return end.has_value(); }
  // The part with that file; null: there is none.
  const PartState* find_part(std::string_view file) const;
  // When media may be missing from all tracks, and the journal says why.
  std::vector<Span> explained() const;

  std::uint64_t lines = 0;
  StartEvent start{};
  bool has_start = false;  // else it is not the journal of a recording
  WallTime start_time{};   // of the first line
  // How far the media came, and when. Lines that recovery or a later change of the files adds do not go
  // further.
  media::Ticks reached = 0;
  WallTime reached_at{};
  // Of the last line of the recording itself: what was done to its files later does not make it younger.
  WallTime last_time{};
  std::vector<PartState> parts{};
  std::vector<std::string> tails{};  // files with what was cut off parts
  std::array<TrackState, 2> tracks{};
  std::vector<Gap> gaps{};
  std::uint64_t gap_count = 0;
  media::Ticks gap_ticks = 0;
  std::uint64_t packets_lost = 0;  // of all tracks, for whatever cause
  std::uint64_t frames_lost = 0;
  std::map<std::string, std::uint64_t> reconnects{};  // by cause
  std::vector<std::pair<media::Ticks, std::string>> markers{};
  std::vector<std::string> disk_errors{};
  std::vector<std::string> format_notes{};
  std::uint64_t resumed = 0;  // times
  bool is_protected = false;
  std::optional<EndEvent> end{};  // none: it is being recorded, or was interrupted
  media::Ticks end_pts = 0;
  std::vector<Contradiction> contradictions{};

 private:
  struct Taker;

  void explain(media::Ticks from, media::Ticks to);
  void contradict(Contradiction::Kind kind, const Entry& entry, std::string detail,
                  std::optional<ByteRange> bytes = std::nullopt);

  std::vector<Span> explained_;  // overlapping ones are one
  std::optional<media::Ticks> disk_failed_at_;
};

// Reads the whole journal. Blocks. Errors: io, not_found.
Result<State> read_state(Disk& disk, const std::string& path);

}  // namespace holdfast::journal

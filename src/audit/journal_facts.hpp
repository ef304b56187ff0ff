#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/finding.hpp"
#include "storage/journal.hpp"

namespace holdfast::audit {

// What a journal says of one part.
struct PartStory {
  int number = 1;
  std::string file{};
  std::string format{};
  std::string reason{};
  media::Ticks pts = 0;            // where it begins
  std::uint64_t journal_from = 0;  // offset behind its line: its checksums come after
  std::uint64_t checksums = 0;
  std::uint64_t checksummed_to = 0;
  std::optional<storage::ReplacedEvent> replaced{};
  std::optional<storage::TrimmedEvent> trimmed{};
  std::optional<storage::UnsafeEvent> unsafe{};
  bool frames_are_received = true;  // no track is written as another codec
};

struct Span {
  media::Ticks from = 0;
  media::Ticks to = 0;
};
struct GapStory {
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
// What a journal says of track 0 (video) or 1 (audio).
struct TrackStory {
  std::optional<storage::TrackEvent> format{};  // the last
  std::vector<SizeChange> sizes{};
  std::uint64_t size_changes = 0;
  std::map<std::string, Losses> losses{};  // by cause
  std::uint64_t damaged_spans = 0;
  std::uint64_t damaged_frames = 0;
  media::Ticks damaged_ticks = 0;
  std::uint64_t filler_frames = 0;
  media::Ticks filler_ticks = 0;
  std::vector<Span> mutes{};  // the last may be open: `to` is the journal's end
  std::uint64_t mute_count = 0;
  bool muted = false;
  std::optional<storage::AnchorEvent> first_anchor{};
  std::optional<storage::AnchorEvent> last_anchor{};
  media::Ticks clock_steps = 0;
  std::optional<storage::LedgerEvent> ledger{};  // the last
};

// A journal, read once. What can repeat without end is summed up, or kept up to a limit and counted.
struct JournalFacts {
  static constexpr std::size_t max_listed = 10'000;
  static constexpr std::size_t max_parts = 100'000;

  std::string path{};
  storage::StartEvent start{};
  WallTime started{};
  WallTime last_wall{};
  media::Ticks last_pts = 0;
  std::vector<PartStory> parts{};
  std::array<TrackStory, 2> tracks{};
  std::vector<GapStory> gaps{};
  std::uint64_t gap_count = 0;
  media::Ticks gap_ticks = 0;
  std::map<std::string, std::uint64_t> reconnects{};  // by cause
  std::vector<std::pair<media::Ticks, std::string>> markers{};
  std::vector<std::string> disk_errors{};
  std::vector<std::string> format_notes{};
  // When media may be missing from all tracks, and the journal says so. Overlaps are one.
  std::vector<Span> excused{};
  std::uint64_t resumed = 0;
  bool protect = false;
  std::optional<storage::EndEvent> end{};
  media::Ticks end_pts = 0;

  std::uint64_t lines = 0;
  std::uint64_t damaged_lines = 0;  // changed or missing
  bool torn = false;
};

// Reads the journal, adding what is wrong with it itself. Errors: io, not_found.
Result<JournalFacts> read_journal_facts(storage::Disk& disk, const std::string& path, Findings& findings);

// The checksums of one part, in order, read from the journal bit by bit beside the part's file.
class ChecksumCursor {
 public:
  ChecksumCursor(storage::Disk& disk, std::string journal_path, const PartStory& part);
  // The next; nothing at the end, or when the journal cannot be read any more.
  std::optional<storage::ChecksumEvent> next();

 private:
  storage::Disk& disk_;
  const std::string path_;
  const int part_;
  std::uint64_t offset_;
  bool ended_ = false;
  std::vector<storage::ChecksumEvent> found_;  // the next is the last
  storage::JournalReader reader_;
};

}  // namespace holdfast::audit

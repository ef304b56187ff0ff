#include "audit/journal_facts.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::audit {
namespace {

using namespace storage;

// A loss is noted up to some seconds after the media is missing, by the second.
constexpr media::Ticks noted_late = 5 * media::ticks_per_second;

class Reading {
 public:
  Reading(JournalFacts& facts, Findings& findings) : facts_(facts), findings_(findings) {}

  void take(const JournalEntry& entry, std::uint64_t behind) {
    behind_ = behind;
    number_ = entry.number;
    pts_ = entry.pts;
    if (facts_.lines++ == 0) facts_.started = entry.wall;
    facts_.last_wall = entry.wall;
    facts_.last_pts = std::max(facts_.last_pts, entry.pts);
    std::visit([this](const auto& event) { read(event); }, entry.event);
  }

  bool has_start() const { return has_start_; }

 private:
  void read(const ClockStepEvent& step) {
    if (TrackStory* track = track_of(step.track)) track->clock_steps += step.ticks;
  }
  void read(const StartEvent& start) {
    if (has_start_) return order("a second start event");
    has_start_ = true;
    facts_.start = start;
    if (start.journal > journal_version) {
      note(What::version, fmt::format("the journal has version {}, written by {}: this version of Holdfast "
                                      "may not understand all of it",
                                      start.journal, start.program));
    }
  }
  void read(const PartEvent& part) {
    if (part.number != static_cast<int>(facts_.parts.size()) + 1) {
      order(fmt::format("part {} follows part {}", part.number, facts_.parts.size()));
    }
    if (facts_.end) order("a part event after the end event");
    if (part.file.empty() || part.file.find('/') != std::string::npos) {
      return order("a part event without a valid file name");
    }
    if (facts_.parts.size() >= JournalFacts::max_parts) return;
    facts_.parts.push_back({.number = part.number,
                            .file = part.file,
                            .format = part.format,
                            .reason = part.reason,
                            .pts = pts_,
                            .journal_from = behind_});
  }
  void read(const TrackEvent& event) {
    TrackStory* track = track_of(event.track);
    if (track == nullptr) return;
    const auto before = std::exchange(track->format, event);
    if (event.codec != event.written_as && !facts_.parts.empty()) {
      facts_.parts.back().frames_are_received = false;
    }
    if (event.width == 0 || (before && before->width == event.width && before->height == event.height))
      return;
    if (before) ++track->size_changes;
    if (track->sizes.size() < JournalFacts::max_listed) {
      track->sizes.push_back({pts_, event.width, event.height});
    }
  }
  void read(const FormatNoteEvent& event) {
    if (facts_.format_notes.size() < max_texts) facts_.format_notes.push_back(event.note);
  }
  void read(const AnchorEvent& anchor) {
    TrackStory* track = track_of(anchor.track);
    if (track == nullptr) return;
    if (!track->first_anchor) track->first_anchor = anchor;
    track->last_anchor = anchor;
  }
  void read(const GapEvent& gap) {
    ++facts_.gap_count;
    facts_.gap_ticks += std::max<media::Ticks>(gap.to_pts - gap.from_pts, 0);
    if (facts_.gaps.size() < JournalFacts::max_listed) {
      facts_.gaps.push_back({{gap.from_pts, gap.to_pts}, gap.cause});
    }
    excuse(gap.from_pts, gap.to_pts);
  }
  void read(const LossEvent& loss) {
    excuse(pts_ - noted_late, pts_);
    TrackStory* track = track_of(loss.track);
    if (track == nullptr || (track->losses.size() >= max_texts && !track->losses.contains(loss.cause)))
      return;
    Losses& sum = track->losses[loss.cause];
    sum.packets += loss.packets;
    sum.frames += loss.frames;
  }
  void read(const DamageEvent& damage) {
    if (damage.kept == "drop") excuse(damage.from_pts, damage.to_pts);
    TrackStory* track = track_of(damage.track);
    if (track == nullptr) return;
    ++track->damaged_spans;
    track->damaged_frames += damage.frames;
    track->damaged_ticks += std::max<media::Ticks>(damage.to_pts - damage.from_pts, 0);
  }
  void read(const LedgerEvent& ledger) {
    const std::uint64_t sum = ledger.written + ledger.lost + ledger.dropped + ledger.pending;
    if (ledger.expected != sum) {
      findings_.add(
          {.what = What::ledger,
           .file = facts_.path,
           .pts = pts_,
           .detail = fmt::format("line {}: track {} expected {} packets, but its counts add up to {}",
                                 number_, ledger.track, ledger.expected, sum)});
    }
    if (TrackStory* track = track_of(ledger.track)) track->ledger = ledger;
  }
  void read(const FillEvent& fill) {
    TrackStory* track = track_of(fill.track);
    if (track == nullptr) return;
    track->filler_frames += fill.frames;
    track->filler_ticks += std::max<media::Ticks>(fill.to_pts - fill.from_pts, 0);
  }
  void read(const MuteEvent& mute) {
    TrackStory* track = track_of(mute.track);
    if (track == nullptr || track->muted == mute.muted) return;
    track->muted = mute.muted;
    if (!mute.muted) {
      excuse(muted_from_[static_cast<std::size_t>(mute.track)], pts_);
      if (!track->mutes.empty()) track->mutes.back().to = pts_;
      return;
    }
    ++track->mute_count;
    muted_from_[static_cast<std::size_t>(mute.track)] = pts_;
    if (track->mutes.size() < JournalFacts::max_listed) track->mutes.push_back({pts_, pts_});
  }
  void read(const ReconnectEvent& event) {
    if (facts_.reconnects.size() < max_texts || facts_.reconnects.contains(event.cause)) {
      ++facts_.reconnects[event.cause];
    }
    excuse(pts_ - noted_late, pts_);
  }
  void read(const DiskEvent& disk) {
    if (!disk.error.empty() && facts_.disk_errors.size() < max_texts)
      facts_.disk_errors.push_back(disk.error);
    // Until it works again; the queue had room for some seconds.
    if (disk.error.empty() && disk_failed_at_) excuse(*disk_failed_at_ - noted_late, pts_ + noted_late);
    if (disk.error.empty()) {
      disk_failed_at_.reset();
    } else if (!disk_failed_at_) {
      disk_failed_at_ = pts_;
    }
  }
  void read(const ChecksumEvent& checksum) {
    PartStory* part = part_of(checksum.part);
    if (part == nullptr)
      return order(fmt::format("a checksum of part {}, which has no part event", checksum.part));
    if (checksum.from != part->checksummed_to || checksum.to <= checksum.from) {
      findings_.add(
          {.what = What::checksum_chain,
           .file = facts_.path,
           .from = std::min(part->checksummed_to, checksum.from),
           .to = std::max(part->checksummed_to, checksum.from),
           .pts = pts_,
           .detail = fmt::format("line {}: a checksum of part {} covers bytes {} to {}, but the checksum "
                                 "before it ends at byte {}",
                                 number_, checksum.part, checksum.from, checksum.to, part->checksummed_to)});
    }
    ++part->checksums;
    part->checksummed_to = std::max(part->checksummed_to, checksum.to);
  }
  void read(const UnsafeEvent& unsafe) {
    excuse(pts_ - noted_late, pts_ + noted_late);
    if (PartStory* part = part_of(unsafe.part); part != nullptr && !part->unsafe) part->unsafe = unsafe;
  }
  void read(const MarkerEvent& marker) {
    if (facts_.markers.size() < JournalFacts::max_listed) facts_.markers.emplace_back(pts_, marker.text);
  }
  void read(const TrimmedEvent& trimmed) {
    if (PartStory* part = part_of(trimmed.part)) part->trimmed = trimmed;
  }
  void read(const ResumedEvent&) {
    ++facts_.resumed;
    facts_.end.reset();
    // The new process begins where the clock is now; nothing was recorded since the old one died.
    excuse(last_part_end(), pts_ + noted_late);
  }
  void read(const ReplacedEvent& replaced) {
    if (PartStory* part = part_of(replaced.part)) part->replaced = replaced;
  }
  void read(const ProtectEvent& event) { facts_.protect = event.on; }
  // Of the folder's journal, not of a recording's.
  void read(const storage::RemovedEvent&) {}
  void read(const storage::RemovalDoneEvent&) {}
  void read(const EndEvent& end) {
    if (facts_.end) return order("a second end event");
    facts_.end = end;
    facts_.end_pts = pts_;
  }

  media::Ticks last_part_end() const { return facts_.parts.empty() ? 0 : facts_.parts.back().pts; }
  TrackStory* track_of(int track) {
    return track == 0 || track == 1 ? &facts_.tracks[static_cast<std::size_t>(track)] : nullptr;
  }
  PartStory* part_of(int number) {
    if (number < 1 || static_cast<std::size_t>(number) > facts_.parts.size()) return nullptr;
    return &facts_.parts[static_cast<std::size_t>(number) - 1];
  }
  void excuse(media::Ticks from, media::Ticks to) {
    std::vector<Span>& spans = facts_.excused;
    if (!spans.empty() && from <= spans.back().to && to >= spans.back().from) {
      spans.back() = {std::min(from, spans.back().from), std::max(to, spans.back().to)};
    } else if (spans.size() < JournalFacts::max_parts) {
      spans.push_back({from, to});
    }
  }
  void order(std::string detail) {
    findings_.add({.what = What::journal_order,
                   .file = facts_.path,
                   .pts = pts_,
                   .detail = fmt::format("line {}: {}", number_, detail)});
  }
  void note(What what, std::string detail) {
    findings_.add(
        {.what = what, .severity = Severity::note, .file = facts_.path, .detail = std::move(detail)});
  }

 public:
  // What lasts to the end.
  void close() {
    for (std::size_t i = 0; i < facts_.tracks.size(); ++i) {
      if (!facts_.tracks[i].muted) continue;
      excuse(muted_from_[i], facts_.last_pts);
      if (!facts_.tracks[i].mutes.empty()) facts_.tracks[i].mutes.back().to = facts_.last_pts;
    }
    if (disk_failed_at_) excuse(*disk_failed_at_ - noted_late, facts_.last_pts);
  }

 private:
  static constexpr std::size_t max_texts = 100;

  JournalFacts& facts_;
  Findings& findings_;
  bool has_start_ = false;
  std::uint64_t behind_ = 0;
  std::uint64_t number_ = 0;
  media::Ticks pts_ = 0;
  std::array<media::Ticks, 2> muted_from_{};
  std::optional<media::Ticks> disk_failed_at_;
};

// A torn line is the beginning of one. One that goes on behind its own end was changed.
bool is_changed_end(std::string_view tail) {
  constexpr std::string_view key = ",\"crc\":\"";
  const std::size_t at = tail.rfind(key);
  return at != std::string_view::npos && tail.size() > at + key.size() + 8 + 2;
}

}  // namespace

Result<JournalFacts> read_journal_facts(Disk& disk, const std::string& path, Findings& findings) {
  JournalFacts facts{.path = path};
  Reading reading(facts, findings);
  JournalReader* self = nullptr;
  JournalReader reader([&](JournalEntry&& entry) { reading.take(entry, self->whole_size()); });
  self = &reader;
  if (auto read = read_journal(disk, path, reader); !read) return std::unexpected(read.error());
  reading.close();
  facts.torn = reader.torn();
  facts.damaged_lines = reader.damaged() + reader.missing();
  const auto fault = [&](What what, std::string detail) {
    findings.add({.what = what, .file = path, .detail = std::move(detail)});
  };
  if (reader.torn()) {
    constexpr std::uint64_t longest = 1 << 16;
    const auto tail = disk.read(path, reader.whole_size(), longest);
    if (tail && is_changed_end(as_text(*tail))) {
      ++facts.damaged_lines;
      fault(What::journal_line, "the last line is not as long as it states");
    } else {
      findings.add({.what = What::tail,
                    .severity = Severity::note,
                    .file = path,
                    .from = reader.whole_size(),
                    .detail = "the last line of the journal is incomplete"});
    }
  }
  if (reader.first_bad_line() != 0) {
    fault(
        What::journal_line,
        fmt::format("line {} was changed; in total {} lines were changed and {} are missing or out of order",
                    reader.first_bad_line(), reader.damaged(), reader.missing()));
  } else if (!reading.has_start()) {
    fault(What::journal_order, "the journal has no start event");
  }
  if (reader.unknown() > 0) {
    findings.add({.what = What::version,
                  .severity = Severity::note,
                  .file = path,
                  .detail = fmt::format("skipped {} lines of a newer version", reader.unknown())});
  }
  return facts;
}

ChecksumCursor::ChecksumCursor(Disk& disk, std::string journal_path, const PartStory& part)
    : disk_(disk),
      path_(std::move(journal_path)),
      part_(part.number),
      offset_(part.journal_from),
      reader_([this](JournalEntry&& entry) {
        auto* checksum = std::get_if<ChecksumEvent>(&entry.event);
        if (checksum != nullptr && checksum->part == part_) found_.push_back(std::move(*checksum));
      }) {}

std::optional<ChecksumEvent> ChecksumCursor::next() {
  constexpr std::uint64_t piece = 1 << 16;
  while (found_.empty() && !ended_) {
    const auto bytes = disk_.read(path_, offset_, piece);
    ended_ = !bytes || bytes->size() < piece;
    if (!bytes) break;
    offset_ += bytes->size();
    reader_.feed(*bytes);
    std::ranges::reverse(found_);
  }
  if (found_.empty()) return std::nullopt;
  ChecksumEvent first = std::move(found_.back());
  found_.pop_back();
  return first;
}

}  // namespace holdfast::audit

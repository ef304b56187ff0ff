#include "journal/state.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "journal/reader.hpp"

namespace holdfast::journal {
namespace {

// A loss is noted up to some seconds after the media is missing.
constexpr media::Ticks noted_late = 5 * media::ticks_per_second;

// Lines about the files, written whenever they were changed.
bool is_about_files(const Event& event) {
  return std::holds_alternative<ReplacedEvent>(event) || std::holds_alternative<ProtectEvent>(event) ||
         std::holds_alternative<TrimmedEvent>(event);
}

}  // namespace

// The meaning of each event.
struct State::Taker {
  State& state;
  const Entry& entry;
  const std::uint64_t behind;
  const media::Ticks reached_before;

  void operator()(const StartEvent& start) const {
    if (std::exchange(state.has_start, true)) return order("a second start event");
    state.start = start;
    if (start.journal > version) {
      state.contradict(Contradiction::Kind::newer_version, entry,
                       fmt::format("the journal has version {}, written by {}: this version of Holdfast may "
                                   "not understand all of it",
                                   start.journal, start.program));
    }
  }
  void operator()(const PartEvent& part) const {
    if (part.number != static_cast<int>(state.parts.size()) + 1) {
      order(fmt::format("part {} follows part {}", part.number, state.parts.size()));
    }
    if (state.end && state.end->reason != EndReason::shutdown) order("a part event after the end event");
    if (part.file.empty() || part.file.find('/') != std::string::npos)
      return order("a part event without a valid file name");
    if (state.parts.size() >= max_parts) return;
    state.parts.push_back({.number = part.number,
                           .file = part.file,
                           .format = part.format,
                           .reason = part.reason,
                           .pts = entry.pts,
                           .journal_offset = behind});
  }
  void operator()(const TrackEvent& event) const {
    TrackState* track = track_of(event.track);
    if (track == nullptr) return;
    const auto before = std::exchange(track->format, event);
    const bool same = before && before->width == event.width && before->height == event.height;
    if (event.width == 0 || same) return;
    if (before) ++track->size_changes;
    if (track->sizes.size() < max_listed) track->sizes.push_back({entry.pts, event.width, event.height});
  }
  void operator()(const FormatNoteEvent& event) const {
    if (state.format_notes.size() < max_texts) state.format_notes.push_back(event.note);
  }
  void operator()(const AnchorEvent& anchor) const {
    TrackState* track = track_of(anchor.track);
    if (track == nullptr) return;
    if (!track->first_anchor) track->first_anchor = anchor;
    track->last_anchor = anchor;
  }
  void operator()(const ClockStepEvent& step) const {
    if (TrackState* track = track_of(step.track)) track->clock_steps += step.ticks;
  }
  void operator()(const GapEvent& gap) const {
    ++state.gap_count;
    state.gap_ticks += std::max<media::Ticks>(gap.to_pts - gap.from_pts, 0);
    if (state.gaps.size() < max_listed) state.gaps.push_back({{gap.from_pts, gap.to_pts}, gap.cause});
    state.explain(gap.from_pts, gap.to_pts);
  }
  void operator()(const LossEvent& loss) const {
    state.packets_lost += loss.packets;
    state.frames_lost += loss.frames;
    state.explain(entry.pts - noted_late, entry.pts);
    TrackState* track = track_of(loss.track);
    if (track == nullptr || (track->losses.size() >= max_texts && !track->losses.contains(loss.cause)))
      return;
    Losses& sum = track->losses[loss.cause];
    sum.packets += loss.packets;
    sum.frames += loss.frames;
  }
  void operator()(const DamageEvent& damage) const {
    if (damage.kept == "drop") state.explain(damage.from_pts, damage.to_pts);
    TrackState* track = track_of(damage.track);
    if (track == nullptr) return;
    ++track->damaged_spans;
    track->damaged_frames += damage.frames;
    track->damaged_ticks += std::max<media::Ticks>(damage.to_pts - damage.from_pts, 0);
  }
  void operator()(const LedgerEvent& ledger) const {
    const std::uint64_t sum = ledger.written + ledger.lost + ledger.dropped + ledger.pending;
    if (ledger.expected != sum) {
      state.contradict(Contradiction::Kind::ledger, entry,
                       fmt::format("track {} expected {} packets, but its counts add up to {}", ledger.track,
                                   ledger.expected, sum));
    }
    if (TrackState* track = track_of(ledger.track)) track->ledger = ledger;
  }
  void operator()(const FillEvent& fill) const {
    TrackState* track = track_of(fill.track);
    if (track == nullptr) return;
    track->filler_frames += fill.frames;
    track->filler_ticks += std::max<media::Ticks>(fill.to_pts - fill.from_pts, 0);
  }
  void operator()(const MuteEvent& mute) const {
    TrackState* track = track_of(mute.track);
    if (track == nullptr || track->muted_since.has_value() == mute.muted) return;
    if (mute.muted) {
      ++track->mute_count;
      track->muted_since = entry.pts;
      return;
    }
    const Span span{*std::exchange(track->muted_since, std::nullopt), entry.pts};
    state.explain(span.from, span.to);
    if (track->mutes.size() < max_listed) track->mutes.push_back(span);
  }
  void operator()(const ReconnectEvent& event) const {
    if (state.reconnects.size() < max_texts || state.reconnects.contains(event.cause))
      ++state.reconnects[event.cause];
    state.explain(entry.pts - noted_late, entry.pts);
  }
  void operator()(const DiskEvent& disk) const {
    if (!disk.error.empty()) {
      if (state.disk_errors.size() < max_texts) state.disk_errors.push_back(disk.error);
      if (!state.disk_failed_at_) state.disk_failed_at_ = entry.pts;
      return;
    }
    // Until it works again; the buffer had room for some seconds.
    if (state.disk_failed_at_) state.explain(*state.disk_failed_at_ - noted_late, entry.pts + noted_late);
    state.disk_failed_at_.reset();
  }
  void operator()(const ChecksumEvent& checksum) const {
    PartState* part = part_of(checksum.part);
    if (part == nullptr)
      return order(fmt::format("a checksum of part {}, which has no part event", checksum.part));
    if (checksum.from != part->checksummed_to || checksum.to <= checksum.from) {
      const auto [from, to] = std::minmax(part->checksummed_to, checksum.from);
      state.contradict(
          Contradiction::Kind::checksum_chain, entry,
          fmt::format(
              "a checksum of part {} covers bytes {} to {}, but the checksum before it ends at byte {}",
              checksum.part, checksum.from, checksum.to, part->checksummed_to),
          ByteRange{from, to});
    }
    ++part->checksums;
    part->checksummed_to = std::max(part->checksummed_to, checksum.to);
  }
  void operator()(const UnsafeEvent& unsafe) const {
    state.explain(entry.pts - noted_late, entry.pts + noted_late);
    PartState* part = part_of(unsafe.part);
    if (part == nullptr) return;
    if (!part->unsafe) part->unsafe = unsafe;
    part->unsafe_to = std::max(part->unsafe_to, unsafe.to);
  }
  void operator()(const MarkerEvent& marker) const {
    if (state.markers.size() < max_listed) state.markers.emplace_back(entry.pts, marker.text);
  }
  void operator()(const TrimmedEvent& trimmed) const {
    if (!trimmed.kept_as.empty() && state.tails.size() < max_parts) state.tails.push_back(trimmed.kept_as);
    if (PartState* part = part_of(trimmed.part)) part->trimmed = trimmed;
  }
  void operator()(const ResumedEvent&) const {
    ++state.resumed;
    state.end.reset();
    // Nothing was recorded since the process before ended, and what it lost at last it may not have noted.
    state.explain(reached_before - noted_late, entry.pts + noted_late);
  }
  void operator()(const ReplacedEvent& replaced) const {
    if (PartState* part = part_of(replaced.part)) part->replaced = replaced;
  }
  void operator()(const ProtectEvent& protect) const { state.is_protected = protect.on; }
  void operator()(const EndEvent& end) const {
    if (state.end) return order("a second end event");
    state.end = end;
    state.end_pts = entry.pts;
  }
  // Of the folder's journal, not of a recording's.
  void operator()(const RemovedEvent&) const {}
  void operator()(const RemovalDoneEvent&) const {}

  void order(std::string detail) const {
    state.contradict(Contradiction::Kind::order, entry, std::move(detail));
  }
  TrackState* track_of(int track) const {
    return track == 0 || track == 1 ? &state.tracks[static_cast<std::size_t>(track)] : nullptr;
  }
  PartState* part_of(int number) const {
    // Nearly always the last.
    const auto found = std::find_if(state.parts.rbegin(), state.parts.rend(),
                                    [number](const PartState& part) { return part.number == number; });
    return found == state.parts.rend() ? nullptr : &*found;
  }
};

std::uint64_t PartState::told_to() const {
  return replaced ? replaced->bytes : std::max(checksummed_to, unsafe_to);
}

std::vector<Span> TrackState::mutes_until(media::Ticks end) const {
  std::vector<Span> all = mutes;
  if (muted_since) all.push_back({*muted_since, end});
  return all;
}

void State::take(const Entry& entry, std::uint64_t behind) {
  if (lines++ == 0) start_time = reached_at = last_time = entry.wall;
  const media::Ticks reached_before = reached;
  const bool goes_further = entry.pts > reached;
  if (goes_further) {
    reached = entry.pts;
    reached_at = entry.wall;
  }
  // Recovery adds the checksums that its recorder could not write any more.
  const bool is_recovery = std::holds_alternative<ChecksumEvent>(entry.event) && !goes_further;
  if (!is_about_files(entry.event) && !is_recovery) last_time = entry.wall;
  std::visit(Taker{*this, entry, behind, reached_before}, entry.event);
}

const PartState* State::find_part(std::string_view file) const {
  const auto found = std::ranges::find(parts, file, &PartState::file);
  return found == parts.end() ? nullptr : &*found;
}

std::vector<Span> State::explained() const {
  std::vector<Span> all = explained_;
  // What lasts to the end.
  for (const TrackState& track : tracks) {
    if (track.muted_since) all.push_back({*track.muted_since, reached});
  }
  if (disk_failed_at_) all.push_back({*disk_failed_at_ - noted_late, reached});
  return all;
}

void State::explain(media::Ticks from, media::Ticks to) {
  if (!explained_.empty() && from <= explained_.back().to && to >= explained_.back().from) {
    explained_.back() = {std::min(from, explained_.back().from), std::max(to, explained_.back().to)};
  } else if (explained_.size() < max_parts) {
    explained_.push_back({from, to});
  }
}

void State::contradict(Contradiction::Kind kind, const Entry& entry, std::string detail,
                       std::optional<ByteRange> bytes) {
  if (contradictions.size() >= max_contradictions) return;
  contradictions.push_back({kind, entry.number, entry.pts, std::move(detail), bytes});
}

Result<State> read_state(Disk& disk, const std::string& path) {
  State state;
  Reader reader([&](Entry&& entry) { state.take(entry); });
  if (auto done = read(disk, path, reader); !done) return std::unexpected(std::move(done.error()));
  return state;
}

}  // namespace holdfast::journal

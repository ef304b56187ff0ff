#include <fmt/format.h>

#include "audit/repair_job.hpp"
#include "base/version.hpp"
#include "journal/line.hpp"
#include "storage/naming.hpp"

namespace holdfast::audit {

using media::Ticks;

Result<void> RepairJob::write_journal() {
  const Structure& structure = report_.structure;
  const Ticks first = *structure.first;
  note(start_event(), 0, started());
  note(journal::PartEvent{1, output_path_.file(), report_.format, journal::PartReason::repaired}, first);
  for (const TrackStructure& track : structure.tracks) {
    if (track.frames > 0) note(track_event(track), first);
  }
  for (const Hole& hole : structure.holes) {
    note(journal::GapEvent{hole.from, hole.to, cause_of(hole)}, hole.to);
  }
  const Ticks last = *structure.last;
  for (int track = 0; track < 2; ++track) {
    const std::uint64_t frames = lost_frames_[static_cast<std::size_t>(track)];
    if (frames > 0) note(journal::LossEvent{track, 0, frames, "repair"}, last);
  }
  for (const Finding& finding : changed_) {
    note(journal::MarkerEvent{fmt::format("near here the repaired file was damaged: bytes {} to {} of {}",
                                          *finding.from, *finding.to, input_.file())},
         finding.pts.value_or(last));
  }
  for (const journal::ChecksumEvent& checksum : output_->checksums()) note(checksum, last);
  note(journal::EndEvent{journal::EndReason::repaired, to_seconds(media::to_duration(last - first)),
                         output_->size(), 1},
       last);
  return save_journal();
}

Result<void> RepairJob::save_journal() {
  const std::string partial = report_.journal + ".partial";
  auto file = disk_.create(partial);
  if (!file) return std::unexpected(file.error());
  auto saved = (*file)->append(lines_);
  if (saved) saved = (*file)->sync();
  if (saved) saved = disk_.rename(partial, report_.journal);
  if (!saved) {
    [[maybe_unused]] const auto removed = disk_.remove(partial);  // that it failed is told already
  }
  return saved;
}

// When the recording began, as far as anything tells.
WallTime RepairJob::started() const {
  return journal_ && journal_->start_time != WallTime{} ? journal_->start_time : options_.now;
}

journal::StartEvent RepairJob::start_event() const {
  journal::StartEvent start = journal_ ? journal_->start : journal::StartEvent{};
  start.journal = journal::version;
  start.program = program_version();
  start.recording_id = output_path_.stem;
  if (start.mint_id.empty()) start.mint_id = mint_id_of_name();
  start.format = report_.format;
  return start;
}

// "{mint_id}_{start time}", as we name files; else all of it.
std::string RepairJob::mint_id_of_name() const {
  const std::size_t at = input_.stem.find("_20");
  const auto id = storage::unescape_id(std::string_view(input_.stem).substr(0, at));
  return id && !id->empty() ? *id : input_.stem;
}

journal::TrackEvent RepairJob::track_event(const TrackStructure& track) const {
  const bool video = track.kind == media::Kind::video;
  journal::TrackEvent event;
  const auto known = journal_ ? journal_->tracks[video ? 0 : 1].format : std::nullopt;
  event.track = video ? 0 : 1;
  event.kind = media::to_string(track.kind);
  event.codec = known ? known->codec : track.codec;
  event.written_as = track.codec;
  event.width = track.width;
  event.height = track.height;
  event.sample_rate = track.sample_rate;
  event.channels = track.channels;
  return event;
}

// A gap that the journal knew is still one for the same reason.
std::string RepairJob::cause_of(const Hole& hole) const {
  if (journal_) {
    for (const journal::Gap& gap : journal_->gaps) {
      if (gap.span.from <= hole.to && gap.span.to >= hole.from) return gap.cause;
    }
  }
  return sound_ ? "unknown" : "repair";
}

void RepairJob::note(journal::Event event, Ticks pts, std::optional<WallTime> wall) {
  journal::serialize(
      {.number = ++line_count_, .wall = wall.value_or(options_.now), .pts = pts, .event = std::move(event)},
      lines_);
}

}  // namespace holdfast::audit

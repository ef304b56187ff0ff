#include "audit/verify.hpp"

#include <algorithm>
#include <utility>

#include "audit/part_reading.hpp"
#include "storage/scan.hpp"

namespace holdfast::audit {
namespace {

using media::Ticks;

// The journal's times are those of the media that it was noted at, within the recovery window.
constexpr Ticks tolerance = 3 * media::ticks_per_second;
// The end's is the last frame's, exactly, but for what the containers round.
constexpr Ticks end_tolerance = media::ticks_per_second / 2;

enum class Life : std::uint8_t { active, interrupted, ended };

class RecordingAudit {
 public:
  RecordingAudit(Disk& disk, const Target& target, const VerifyProgress& progress)
      : disk_(disk), target_(target), progress_(progress) {}

  Report run() {
    report_.name = target_.folder + (target_.journal.empty() ? target_.file : target_.journal);
    if (auto done = target_.journal.empty() ? read_bare() : read_recording(); !done) {
      report_.verdict = Verdict::unreadable;
      report_.error = done.error().message;
    }
    return std::move(report_);
  }

 private:
  Result<FileSizes> sizes_of(const std::vector<journal::PartState>& parts) const {
    if (!target_.sizes) return list_files(disk_, target_.folder);
    FileSizes sizes;
    for (const journal::PartState& part : parts) {
      const auto size = target_.sizes->find(part.file);
      if (size != target_.sizes->end()) sizes.insert(*size);
    }
    return sizes;
  }

  Result<void> read_bare() {
    const auto sizes = list_files(disk_, target_.folder);
    if (!sizes) return std::unexpected(sizes.error());
    const auto size = sizes->find(target_.file);
    if (size == sizes->end()) return fail(ErrorCode::not_found, "{}: no such file", report_.name);
    total_ = size->second;
    note(What::no_journal, report_.name, "no journal: only the structure of the file can be checked");
    report_.parts.push_back({.path = report_.name, .bytes = size->second});
    if (auto read = read_part(nullptr, report_.parts.back(), size->second, Ending::whole, Rules::anybodys);
        !read) {
      return read;
    }
    report_.verdict = report_.findings.faults() > 0 ? Verdict::damaged : Verdict::not_checksummed;
    return {};
  }

  Result<void> read_recording() {
    // Asked first: a recording that ends meanwhile has its end.
    const bool locked = storage::is_locked(disk_, report_.name);
    auto checked = check_journal(disk_, report_.name, report_.findings);
    if (!checked) return std::unexpected(checked.error());
    report_.journal = std::move(checked->state);
    damaged_lines_ = checked->damaged_lines;
    explained_ = report_.journal->explained();
    const journal::State& journal = *report_.journal;
    life_ = journal.end ? Life::ended : locked ? Life::active : Life::interrupted;
    const auto sizes = sizes_of(journal.parts);
    if (!sizes) return std::unexpected(sizes.error());
    for (const journal::PartState& part : journal.parts) {
      const auto size = sizes->find(part.file);
      const bool missing = size == sizes->end() && !part.set_aside();
      report_.parts.push_back({.path = target_.folder + part.file,
                               .format = part.format,
                               .bytes = size == sizes->end() ? 0 : size->second,
                               .missing = missing});
      total_ += report_.parts.back().bytes;
    }
    for (std::size_t i = 0; i < report_.parts.size(); ++i) {
      if (auto read = audit_part(journal.parts[i], report_.parts[i], i + 1 == report_.parts.size()); !read) {
        return read;
      }
    }
    check_whole();
    conclude();
    return {};
  }

  Result<void> audit_part(const journal::PartState& state, PartReport& part, bool is_last) {
    if (part.missing) {
      // The line comes before the file: the last may not be there yet.
      if (is_last && life_ != Life::ended) {
        note(What::missing_part, part.path, "the file does not exist yet");
      } else {
        fault(What::missing_part, part.path, "the file is missing");
      }
      return {};
    }
    if (state.set_aside() && part.bytes == 0) {
      note_trimmed(state, part);
      return {};
    }
    std::uint64_t size = part.bytes;
    const bool growing = is_last && life_ == Life::active;
    const bool open = is_last && life_ != Life::ended;
    if (growing && state.checksums > 0) size = std::min(size, state.checksummed_to);
    check_size(state, part, open);
    const bool may_be_cut = open || state.unsafe || (growing && size < part.bytes);
    return read_part(&state, part, size, may_be_cut ? Ending::cut : Ending::whole,
                     state.reason == journal::PartReason::repaired ? Rules::anybodys : Rules::ours);
  }

  Result<void> read_part(const journal::PartState* state, PartReport& part, std::uint64_t size, Ending ending,
                         Rules rules) {
    std::optional<container::Format> format;
    if (state != nullptr) {
      format = container::parse_format(state->format);
    } else {
      const auto head = disk_.read(part.path, 0, 1 << 16);
      if (!head) return std::unexpected(head.error());
      format = recognise(*head);
    }
    if (!format) {
      if (state != nullptr) {
        fault(What::journal_order, report_.name,
              fmt::format("a part of the unknown format {:?}", state->format));
        return {};
      }
      fault(What::structure, part.path, "not MPEG-TS, MP4 or Matroska");
      return {};
    }
    part.format = container::to_string(*format);
    const auto reader = make_structure_reader(*format, report_.findings, part.path, rules,
                                              state != nullptr ? state->pts : media::ticks_per_second);
    if (state != nullptr && state->unsafe) reader->forgive_from(state->unsafe->from);
    if (state != nullptr && state->checksums > 0 && ending == Ending::cut) {
      reader->forgive_from(state->unsafe ? std::min(state->unsafe->from, state->checksummed_to)
                                         : state->checksummed_to);
    }
    PartReading reading(disk_, report_, part, state, *reader);
    auto done = reading.run(size, ending, [this](std::uint64_t bytes) {
      report_.bytes_read += bytes;
      if (progress_) progress_(report_.bytes_read, total_);
    });
    part.structure = reader->structure();
    return done;
  }

  // Sizes as the journal has them.
  void check_size(const journal::PartState& state, const PartReport& part, bool open) {
    const auto size_fault = [&](std::uint64_t expected, std::string_view who) {
      report_.findings.add(
          {.what = What::size,
           .file = part.path,
           .from = std::min(expected, part.bytes),
           .to = std::max(expected, part.bytes),
           .detail = fmt::format("{} bytes {} than {} states: {}, not {}",
                                 std::max(expected, part.bytes) - std::min(expected, part.bytes),
                                 part.bytes < expected ? "shorter" : "longer", who, part.bytes, expected)});
    };
    if (state.replaced) {
      if (part.bytes != state.replaced->bytes) size_fault(state.replaced->bytes, "the journal");
      return;
    }
    if (state.trimmed) {
      // Recovery notes it before it changes the file.
      const bool in_progress = life_ != Life::ended && part.bytes > state.trimmed->bytes;
      if (part.bytes != state.trimmed->bytes && !in_progress) size_fault(state.trimmed->bytes, "the journal");
      note_trimmed(state, part);
      return;
    }
    if (state.unsafe) {
      note(What::unsafe, part.path,
           fmt::format("the disk did not confirm that bytes {} to {} are on stable storage: {}",
                       state.unsafe->from, state.unsafe->to, state.unsafe->error));
      if (part.bytes < state.unsafe->from) size_fault(state.unsafe->from, "the journal");
      return;
    }
    if (state.checksums == 0) return;
    if (part.bytes < state.checksummed_to) size_fault(state.checksummed_to, "the journal");
    if (part.bytes > state.checksummed_to && !open) size_fault(state.checksummed_to, "the journal");
  }

  void note_trimmed(const journal::PartState& state, const PartReport& part) {
    if (state.trimmed->kept_as.empty()) {
      note(What::trimmed, part.path, "the recorder crashed before it could write to this part");
      return;
    }
    note(What::trimmed, part.path,
         fmt::format("{} bytes after the last complete frame were trimmed after a crash and kept as {}",
                     state.trimmed->cut, state.trimmed->kept_as));
  }

  // What only all parts together tell.
  void check_whole() {
    const journal::State& journal = *report_.journal;
    if (journal.end) {
      const auto parts = static_cast<int>(journal.parts.size());
      // Version 0.1 closed interrupted recordings without counting the parts that it had set aside.
      const auto set_aside =
          static_cast<int>(std::ranges::count_if(journal.parts, &journal::PartState::set_aside));
      if (journal.end->parts != parts && journal.end->parts != parts - set_aside) {
        fault(What::journal_order, report_.name,
              fmt::format("the end event counts {} parts, the journal has {}", journal.end->parts,
                          journal.parts.size()));
      }
      check_total();
    }
    check_times();
    check_frames();
  }

  bool as_recorded() const {
    return std::ranges::none_of(
               report_.journal->parts,
               [](const journal::PartState& part) { return part.replaced || part.trimmed || part.unsafe; }) &&
           report_.journal->resumed == 0;
  }
  bool any_missing() const { return std::ranges::any_of(report_.parts, &PartReport::missing); }

  void check_total() {
    const journal::State& journal = *report_.journal;
    if (!as_recorded() || any_missing() || !journal.disk_errors.empty()) return;
    std::uint64_t bytes = 0;
    for (const PartReport& part : report_.parts) bytes += part.bytes;
    // Made faststart after the end by a Holdfast that did not yet note it.
    const bool replaced = std::ranges::any_of(report_.parts, [](const PartReport& part) {
      return part.structure.has_index && part.checked_bytes == 0;
    });
    if (replaced) return;
    // A part's own checksums said so already.
    const bool all_checksummed =
        std::ranges::all_of(journal.parts, [](const journal::PartState& part) { return part.checksums > 0; });
    if (bytes == journal.end->bytes || all_checksummed) return;
    report_.findings.add(
        {.what = What::size,
         .file = report_.parts.empty() ? report_.name : report_.parts.back().path,
         .detail = fmt::format("the files have {} bytes, but had {} at the end of the recording: {} bytes {}",
                               bytes, journal.end->bytes,
                               std::max(bytes, journal.end->bytes) - std::min(bytes, journal.end->bytes),
                               bytes < journal.end->bytes ? "are missing" : "are too many")});
  }

  void check_times() {
    const journal::State& journal = *report_.journal;
    std::optional<Ticks> reached;
    for (std::size_t i = 0; i < report_.parts.size(); ++i) {
      const PartReport& part = report_.parts[i];
      const Structure& structure = part.structure;
      if (structure.has_index || !structure.first || part.missing) {
        reached.reset();  // its times begin at 0
        continue;
      }
      const bool known = journal.parts[i].reason != journal::PartReason::recovered;  // when it began
      const Ticks off = *structure.first - journal.parts[i].pts;
      if (known && (off > tolerance || off < -tolerance)) {
        time_fault(What::times, part.path, *structure.first,
                   fmt::format("starts {:.1f} s {} than the journal states", seconds(std::abs(off)),
                               off > 0 ? "later" : "earlier"));
      }
      if (reached && *structure.first > *reached + Structure::hole_after) {
        check_hole({*reached, *structure.first, 0}, part.path);
      }
      for (const Hole& hole : structure.holes) check_hole(hole, part.path);
      reached = std::max(reached.value_or(*structure.last), *structure.last);
    }
    if (!journal.end || !reached || !as_recorded() || any_missing()) return;
    // One that was closed after an interruption may have more media than its last line knew.
    if (journal.end->reason == journal::EndReason::interrupted) return;
    if (const Ticks off = journal.end_pts - *reached; off > end_tolerance || off < -end_tolerance) {
      if (off > 0 && is_explained({*reached, journal.end_pts, 0})) return;
      time_fault(What::times, report_.parts.back().path, *reached,
                 fmt::format("ends {:.1f} s {} the end in the journal", seconds(std::abs(off)),
                             off > 0 ? "before" : "after"));
    }
  }

  static double seconds(Ticks ticks) { return static_cast<double>(ticks) / media::ticks_per_second; }

  bool is_explained(const Hole& hole) const {
    return std::ranges::any_of(explained_, [&](const journal::Span& span) {
      return span.from <= hole.to + tolerance && span.to >= hole.from - tolerance;
    });
  }

  // Without a second's doubt only: what is 2 s to the journal may be a little more in the file.
  void check_hole(const Hole& hole, const std::string& path) {
    if (hole.to - hole.from <= tolerance || is_explained(hole)) return;
    report_.findings.add({.what = What::hole,
                          .file = path,
                          .from = hole.offset,
                          .pts = hole.from,
                          .detail = fmt::format("no media for {:.1f} s, and the journal does not explain it",
                                                seconds(hole.to - hole.from))});
  }

  // The ledger counts frames as they come; that is what the file has where nothing is encoded anew.
  void check_frames() {
    const journal::State& journal = *report_.journal;
    // The last ledger of a recorder that died is up to a minute old.
    const bool sound = journal.end && journal.end->reason != journal::EndReason::interrupted &&
                       as_recorded() && !any_missing() && journal.disk_errors.empty() &&
                       damaged_lines_ == 0 && report_.findings.faults() == 0;
    if (!sound) return;
    for (const media::Kind kind : {media::Kind::video, media::Kind::audio}) {
      const journal::TrackState& track = journal.tracks[kind == media::Kind::video ? 0 : 1];
      if (!track.ledger || !track.format || track.format->codec != track.format->written_as) continue;
      std::uint64_t frames = 0;
      for (const PartReport& part : report_.parts) {
        for (const TrackStructure& found : part.structure.tracks) {
          if (found.kind == kind) frames += found.frames;
        }
      }
      const std::uint64_t expected = track.ledger->frames + track.ledger->filler_frames;
      if (frames == expected) continue;
      fault(
          What::frames, report_.parts.empty() ? report_.name : report_.parts.front().path,
          fmt::format("{} {} frames, but the journal counted {}", frames, media::to_string(kind), expected));
    }
  }

  void conclude() {
    const journal::State& journal = *report_.journal;
    if (report_.findings.faults() > 0) {
      report_.verdict = Verdict::damaged;
    } else if (life_ == Life::active) {
      report_.verdict = Verdict::active;
    } else if (life_ == Life::interrupted) {
      report_.verdict = Verdict::interrupted;
    } else {
      const bool checksummed = std::ranges::all_of(
          report_.parts, [](const PartReport& part) { return part.checked_bytes == part.bytes; });
      report_.verdict = checksummed && !journal.parts.empty() ? Verdict::whole : Verdict::not_checksummed;
    }
  }

  void fault(What what, std::string file, std::string detail) {
    report_.findings.add({.what = what, .file = std::move(file), .detail = std::move(detail)});
  }
  void time_fault(What what, std::string file, Ticks pts, std::string detail) {
    report_.findings.add({.what = what, .file = std::move(file), .pts = pts, .detail = std::move(detail)});
  }
  void note(What what, std::string file, std::string detail) {
    report_.findings.add(
        {.what = what, .severity = Severity::note, .file = std::move(file), .detail = std::move(detail)});
  }

  Disk& disk_;
  const Target& target_;
  const VerifyProgress& progress_;
  Report report_;
  Life life_ = Life::ended;
  std::uint64_t damaged_lines_ = 0;       // of the journal
  std::vector<journal::Span> explained_;  // when media may be missing
  std::uint64_t total_ = 0;
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::whole:
      return "whole";
    case Verdict::not_checksummed:
      return "whole, not checksummed";
    case Verdict::interrupted:
      return "interrupted";
    case Verdict::active:
      return "active";
    case Verdict::damaged:
      return "damaged";
    case Verdict::unreadable:
      return "unreadable";
  }
  std::unreachable();
}

Report verify(Disk& disk, const Target& target, const VerifyProgress& progress) {
  Report report = RecordingAudit(disk, target, progress).run();
  if (report.verdict != Verdict::damaged || !target.sizes) return report;
  // A file may have been replaced since the folder was listed.
  Target fresh = target;
  fresh.sizes = nullptr;
  return RecordingAudit(disk, fresh, progress).run();
}

}  // namespace holdfast::audit

#include "archive/recovery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crc32c.hpp"
#include "container/whole_frames.hpp"
#include "journal/append.hpp"
#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "journal/state.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::archive {
namespace {

using journal::PartState;

constexpr std::uint64_t piece = std::uint64_t{1} << 20;
constexpr media::Ticks first_frame = media::ticks_per_second;  // of every recording

// Whether the end is among the last lines. A cheap question: the journals of ten thousand recordings are
// asked.
bool has_end(Disk& disk, const std::string& path, std::uint64_t size) {
  constexpr std::uint64_t tail = 8 << 10;
  journal::State last_lines;
  journal::Reader reader([&](journal::Entry&& entry) { last_lines.take(entry); });
  const auto read = journal::read(disk, path, reader, size - std::min(size, tail));
  return read && last_lines.ended();
}

// Where the end of a part is kept: the first name beside it that no file has.
Result<std::string> free_tail(Disk& disk, const std::string& path) {
  constexpr int most = 100;
  for (int i = 1; i < most; ++i) {
    std::string kept = i == 1 ? path + ".tail" : fmt::format("{}.tail{}", path, i);
    const auto entry = disk.look(kept);
    if (!entry && entry.error().code == ErrorCode::not_found) return kept;
    if (!entry) return std::unexpected(entry.error());
  }
  return fail(ErrorCode::io, "{}: {} files named .tail exist for it; move them to another folder", path,
              most - 1);
}

// Copies what is behind `size` into the file `kept`, then cuts it off.
Result<void> cut_tail(Disk& disk, const std::string& path, std::uint64_t size, std::uint64_t old_size,
                      const std::string& kept) {
  auto file = disk.create(kept);
  if (!file) return std::unexpected(std::move(file.error()));
  for (std::uint64_t at = size; at < old_size; at += piece) {
    const auto bytes = disk.read(path, at, std::min(piece, old_size - at));
    if (!bytes) return std::unexpected(bytes.error());
    if (auto written = (*file)->append(*bytes); !written) return std::unexpected(std::move(written.error()));
  }
  if (auto synced = (*file)->sync(); !synced) return synced;
  return disk.truncate(path, size);
}

Result<std::uint32_t> checksum(Disk& disk, const std::string& path, std::uint64_t from, std::uint64_t to) {
  std::uint32_t crc = 0;
  for (std::uint64_t at = from; at < to; at += piece) {
    const auto bytes = disk.read(path, at, std::min(piece, to - at));
    if (!bytes) return std::unexpected(bytes.error());
    crc = crc32c(crc, *bytes);
  }
  return crc;
}

// Young: nothing is known to be on stable storage, of this part and of those after it.
enum class Age : std::uint8_t { old, young };

class TailTrimmer {
 public:
  TailTrimmer(Disk& disk, journal::Appender& journal, WallTime now)
      : disk_(disk), journal_(journal), now_(now) {}

  // Adds to `parts` the files that the recorder made last and that the journal does not name: a power cut
  // takes lines of the journal that were not synced, but no file.
  Result<void> adopt_files(std::vector<PartState>& parts, const std::string& folder, std::string_view base);
  // Cuts a part off behind its last whole frame, and brings the journal up to that. Gives what is left of it.
  Result<container::WholePart> trim_part(const PartState& part, const std::string& path, Age age);
  std::uint64_t trimmed() const { return trimmed_; }

 private:
  Result<std::optional<journal::PartEvent>> find_part_file(const std::string& folder, std::string_view base,
                                                           int number);
  Result<void> set_aside(const PartState& part, const std::string& path);
  Result<void> trim(const PartState& part, const std::string& path, std::uint64_t size,
                    std::uint64_t old_size);
  Result<std::string> note_tail(const PartState& part, const std::string& path, std::uint64_t size,
                                std::uint64_t old_size);
  Result<void> cover(const PartState& part, const std::string& path, std::uint64_t size);
  Result<void> note(journal::Event event) {
    const auto noted = journal_.append(std::move(event), now_);
    if (!noted) return std::unexpected(noted.error());
    return {};
  }

  Disk& disk_;
  journal::Appender& journal_;
  const WallTime now_;
  std::uint64_t trimmed_ = 0;
};

// The next number after all that the journal names.
int next_number(const std::vector<PartState>& parts) {
  int highest = 0;
  for (const PartState& part : parts) highest = std::max(highest, part.number);
  return highest + 1;
}

Result<void> TailTrimmer::adopt_files(std::vector<PartState>& parts, const std::string& folder,
                                      std::string_view base) {
  while (true) {
    const auto found = find_part_file(folder, base, next_number(parts));
    if (!found) return std::unexpected(found.error());
    if (!*found) return {};
    if (auto noted = note(**found); !noted) return noted;
    const journal::PartEvent& event = **found;
    parts.push_back(
        {.number = event.number, .file = event.file, .format = event.format, .reason = event.reason});
  }
}

Result<std::optional<journal::PartEvent>> TailTrimmer::find_part_file(const std::string& folder,
                                                                      std::string_view base, int number) {
  for (const auto format : {container::Format::mpegts, container::Format::mp4, container::Format::mkv}) {
    const std::string name = storage::part_name(base, number, container::file_extension(format));
    const auto entry = disk_.look(folder + name);
    if (!entry && entry.error().code == ErrorCode::not_found) continue;
    if (!entry) return std::unexpected(entry.error());
    return journal::PartEvent{.number = number,
                              .file = name,
                              .format = std::string(container::to_string(format)),
                              .reason = journal::PartReason::recovered};
  }
  return std::nullopt;
}

Result<container::WholePart> TailTrimmer::trim_part(const PartState& part, const std::string& path, Age age) {
  container::WholePart whole;
  const auto entry = disk_.look(path);
  if (!entry) {
    if (entry.error().code != ErrorCode::not_found) return std::unexpected(entry.error());
    // The recorder died before it made the file. Any other that is not there was deleted or moved.
    if (age != Age::young || part.set_aside()) return whole;
    if (auto noted = note(journal::TrimmedEvent{.part = part.number}); !noted)
      return std::unexpected(std::move(noted.error()));
    return whole;
  }
  const auto format = container::parse_format(part.format);
  if (!format)
    return fail(ErrorCode::invalid, "{}: its journal names an unknown format {}", path, part.format);
  auto found = container::find_whole_part(
      *format, entry->size,
      [&](std::uint64_t offset, std::uint64_t size) { return disk_.read(path, offset, size); });
  if (!found) return found;
  whole = *found;
  // What is durable by its checksum ends with a whole frame, whatever it looks like now.
  whole.size = std::max(whole.size, std::min(part.told_to(), entry->size));
  Result<void> done;
  if (whole.size == 0) {
    done = set_aside(part, path);
  } else if (whole.size < entry->size) {
    done = trim(part, path, whole.size, entry->size);
  }
  if (done && whole.size > part.told_to()) done = cover(part, path, whole.size);
  if (!done) return std::unexpected(std::move(done.error()));
  trimmed_ += entry->size - whole.size;
  return whole;
}

// Not one frame: a file that no player takes does not stay under a recording's name.
Result<void> TailTrimmer::set_aside(const PartState& part, const std::string& path) {
  const auto entry = disk_.look(path);
  if (!entry) return std::unexpected(entry.error());
  const auto kept = note_tail(part, path, 0, entry->size);
  if (!kept) return std::unexpected(kept.error());
  return disk_.rename(path, *kept);
}

Result<void> TailTrimmer::trim(const PartState& part, const std::string& path, std::uint64_t size,
                               std::uint64_t old_size) {
  const auto kept = note_tail(part, path, size, old_size);
  if (!kept) return std::unexpected(kept.error());
  return cut_tail(disk_, path, size, old_size, *kept);
}

// First the journal, then the files: if this process dies between the two, the next recovery repeats the
// step, and no file is left that belongs to no recording.
Result<std::string> TailTrimmer::note_tail(const PartState& part, const std::string& path, std::uint64_t size,
                                           std::uint64_t old_size) {
  const auto kept = free_tail(disk_, path);
  if (!kept) return kept;
  const auto noted =
      note(journal::TrimmedEvent{part.number, size, old_size - size, kept->substr(kept->rfind('/') + 1)});
  if (!noted) return std::unexpected(noted.error());
  return kept;
}

Result<void> TailTrimmer::cover(const PartState& part, const std::string& path, std::uint64_t size) {
  auto file = disk_.open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto synced = (*file)->sync(); !synced) return synced;
  const auto crc = checksum(disk_, path, part.told_to(), size);
  if (!crc) return std::unexpected(crc.error());
  return note(journal::ChecksumEvent{part.number, part.told_to(), size, format_crc32c(*crc)});
}

// The time whose lower 33 bits these are (ISO/IEC 13818-1 section 2.4.3.7), nearest to one that is known.
media::Ticks unwrap(media::Ticks wrapped, media::Ticks near) {
  constexpr media::Ticks span = media::Ticks{1} << 33;
  const media::Ticks turns = (near - wrapped + span / 2) / span;
  return wrapped + turns * span;
}

}  // namespace

Result<std::vector<std::string>> find_interrupted(Disk& disk, const std::string& directory) {
  const auto entries = disk.list(directory);
  if (!entries) return std::unexpected(entries.error());
  std::vector<std::string> found;
  for (const DirectoryEntry& entry : *entries) {
    const std::string path = storage::folder_prefix(directory) + entry.name;
    if (entry.is_directory || !storage::base_of_journal(entry.name)) continue;
    if (!has_end(disk, path, entry.size) && !storage::is_locked(disk, path)) found.push_back(entry.name);
  }
  std::ranges::sort(found);
  return found;
}

Result<std::optional<Recovered>> recover(Disk& disk, const std::string& directory, const std::string& journal,
                                         WallTime now, std::optional<journal::EndReason> resumable_end) {
  const std::string folder = storage::folder_prefix(directory);
  const std::string path = folder + journal;
  auto appender = journal::Appender::open(disk, path);
  if (!appender) {
    if (appender.error().code == ErrorCode::conflict) return std::nullopt;
    return std::unexpected(std::move(appender.error()));
  }
  auto state = journal::read_state(disk, path);
  if (!state) return std::unexpected(std::move(state.error()));
  if (!state->has_start) {
    return fail(ErrorCode::invalid,
                "{} is not the journal of a recording: it has no start event; move it to another folder",
                path);
  }
  if (state->end && state->end->reason != resumable_end) return std::nullopt;
  TailTrimmer trimmer(disk, *appender, now);
  std::vector<PartState>& parts = state->parts;
  const auto last_old = std::ranges::find_if(parts.rbegin(), parts.rend(),
                                             [](const PartState& part) { return part.told_to() > 0; });
  const std::size_t old_parts = static_cast<std::size_t>(parts.rend() - last_old);
  if (auto adopted = trimmer.adopt_files(parts, folder, *storage::base_of_journal(journal)); !adopted)
    return std::unexpected(std::move(adopted.error()));

  Recovered recovered{.start = state->start,
                      .start_time = state->start_time,
                      .files = {},
                      .ended = state->ended(),
                      .first_pts = parts.empty() ? 0 : std::max(parts.front().pts, first_frame)};
  recovered.files.parts = next_number(parts) - 1;
  std::optional<media::Ticks> last_pts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const PartState& part = parts[i];
    if (!storage::is_plain_name(part.file)) continue;
    const auto whole = trimmer.trim_part(part, folder + part.file, i < old_parts ? Age::old : Age::young);
    if (!whole) return std::unexpected(whole.error());
    if (whole->size > 0) recovered.files.part_paths.push_back(folder + part.file);
    recovered.files.bytes += whole->size;
    recovered.has_media = recovered.has_media || whole->size > 0;
    if (whole->size > 0) last_pts = whole->last_pts;
  }
  recovered.end_pts = last_pts ? unwrap(*last_pts, state->reached) : state->reached;
  recovered.end_wall = state->reached_at + media::to_duration(recovered.end_pts - state->reached);
  recovered.trimmed = trimmer.trimmed();
  recovered.files.journal_lines = appender->next_number() - 1;
  recovered.files.journal = appender->release();
  return recovered;
}

Result<void> close_recovered(const Recovered& recovered, WallTime now) {
  journal::EndEvent end;
  end.reason = journal::EndReason::interrupted;
  end.duration = to_seconds(media::to_duration(recovered.end_pts - recovered.first_pts));
  end.bytes = recovered.files.bytes;
  end.parts = recovered.files.parts;
  ByteVector line;
  journal::serialize(
      {.number = recovered.files.journal_lines + 1, .wall = now, .pts = recovered.end_pts, .event = end},
      line);
  if (auto written = recovered.files.journal->append(line); !written) return written;
  return recovered.files.journal->sync();
}

}  // namespace holdfast::archive

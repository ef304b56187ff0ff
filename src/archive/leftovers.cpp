#include "archive/leftovers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/crc32c.hpp"
#include "container/whole_frames.hpp"
#include "storage/append_to_journal.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::archive {
namespace {

using storage::Disk;

constexpr std::uint64_t piece = std::uint64_t{1} << 20;

// What has to be known of a part to mend it.
struct Part {
  storage::PartEvent event;
  std::uint64_t covered = 0;  // by checksums, from the start
};

struct Story {
  std::optional<storage::StartEvent> start;
  WallTime start_time;
  std::vector<Part> parts;
  std::optional<media::Ticks> first_pts;
  media::Ticks pts = 0;  // of the last line of the recording itself
  WallTime wall;
  std::optional<std::string> end_reason;

  void take(storage::JournalEntry&& entry);
  Part* part(int number) {
    const auto found = std::ranges::find(parts, number, [](const Part& each) { return each.event.number; });
    return found == parts.end() ? nullptr : &*found;
  }
};

void Story::take(storage::JournalEntry&& entry) {
  if (auto* begun = std::get_if<storage::StartEvent>(&entry.event)) {
    start = std::move(*begun);
    start_time = entry.wall;
  } else if (auto* added = std::get_if<storage::PartEvent>(&entry.event)) {
    if (!first_pts) first_pts = entry.pts;
    parts.push_back({std::move(*added), 0});
  } else if (const auto* sum = std::get_if<storage::ChecksumEvent>(&entry.event)) {
    if (Part* of = part(sum->part)) of->covered = std::max(of->covered, sum->to);
  } else if (const auto* unsafe = std::get_if<storage::UnsafeEvent>(&entry.event)) {
    if (Part* of = part(unsafe->part)) of->covered = std::max(of->covered, unsafe->to);
  } else if (const auto* replaced = std::get_if<storage::ReplacedEvent>(&entry.event)) {
    if (Part* of = part(replaced->part)) of->covered = replaced->bytes;
    return;
  } else if (auto* ended = std::get_if<storage::EndEvent>(&entry.event)) {
    end_reason = std::move(ended->reason);
  } else if (std::holds_alternative<storage::ResumedEvent>(entry.event)) {
    end_reason.reset();
  } else if (std::holds_alternative<storage::ProtectEvent>(entry.event)) {
    return;
  }
  pts = std::max(pts, entry.pts);
  wall = entry.wall;
}

// Whether the end is among the last lines; nothing: they do not say.
bool has_end(Disk& disk, const std::string& path, std::uint64_t size) {
  constexpr std::uint64_t tail = 8 << 10;
  bool ended = false;
  storage::JournalReader reader([&](storage::JournalEntry&& entry) {
    if (std::holds_alternative<storage::EndEvent>(entry.event)) ended = true;
    if (std::holds_alternative<storage::ResumedEvent>(entry.event)) ended = false;
  });
  const auto read = storage::read_journal(disk, path, reader, size - std::min(size, tail));
  return read && ended;
}

// Copies what is behind `size` into a file of its own, then cuts it off. Gives that file's name.
Result<std::string> cut_tail(Disk& disk, const std::string& path, std::uint64_t size,
                             std::uint64_t old_size) {
  std::string kept = path + ".tail";
  auto file = disk.create(kept);
  for (int i = 2; !file && file.error().code == ErrorCode::conflict && i < 100; ++i) {
    kept = fmt::format("{}.tail{}", path, i);
    file = disk.create(kept);
  }
  if (!file) return std::unexpected(std::move(file.error()));
  for (std::uint64_t at = size; at < old_size; at += piece) {
    const auto bytes = disk.read(path, at, std::min(piece, old_size - at));
    if (!bytes) return std::unexpected(bytes.error());
    if (auto written = (*file)->append(*bytes); !written) return std::unexpected(std::move(written.error()));
  }
  if (auto synced = (*file)->sync(); !synced) return std::unexpected(std::move(synced.error()));
  if (auto cut = disk.truncate(path, size); !cut) return std::unexpected(std::move(cut.error()));
  return kept;
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

class Mender {
 public:
  Mender(Disk& disk, storage::JournalAppender& journal, WallTime now)
      : disk_(disk), journal_(journal), now_(now) {}

  // Brings a part to its last whole frame, and the journal up to that. Gives what is left of it.
  Result<container::WholePart> mend(const Part& part, const std::string& path);
  std::uint64_t trimmed() const { return trimmed_; }

 private:
  Result<void> set_aside(const Part& part, const std::string& path);
  Result<void> trim(const Part& part, const std::string& path, std::uint64_t size, std::uint64_t old_size);
  Result<void> cover(const Part& part, const std::string& path, std::uint64_t size);
  Result<void> note(storage::JournalEvent event) {
    const auto noted = journal_.append(std::move(event), now_);
    if (!noted) return std::unexpected(noted.error());
    return {};
  }

  Disk& disk_;
  storage::JournalAppender& journal_;
  const WallTime now_;
  std::uint64_t trimmed_ = 0;
};

Result<container::WholePart> Mender::mend(const Part& part, const std::string& path) {
  container::WholePart whole;
  const auto entry = disk_.look(path);
  if (!entry) {
    if (entry.error().code == ErrorCode::not_found) return whole;  // removed, or moved away
    return std::unexpected(entry.error());
  }
  const auto format = container::parse_format(part.event.format);
  if (!format)
    return fail(ErrorCode::invalid, "{}: its journal names an unknown format {}", path, part.event.format);
  auto found = container::find_whole_part(
      *format, entry->size,
      [&](std::uint64_t offset, std::uint64_t size) { return disk_.read(path, offset, size); });
  if (!found) return found;
  whole = *found;
  // What is durable by its checksum ends with a whole frame, whatever it looks like now.
  whole.size = std::max(whole.size, std::min(part.covered, entry->size));
  Result<void> done;
  if (whole.size == 0) {
    done = set_aside(part, path);
  } else if (whole.size < entry->size) {
    done = trim(part, path, whole.size, entry->size);
  }
  if (done && whole.size > part.covered) done = cover(part, path, whole.size);
  if (!done) return std::unexpected(std::move(done.error()));
  trimmed_ += entry->size - whole.size;
  return whole;
}

// Not one frame: a file that no player takes does not stay under a recording's name.
Result<void> Mender::set_aside(const Part& part, const std::string& path) {
  const auto entry = disk_.look(path);
  if (!entry) return std::unexpected(entry.error());
  const std::string kept = path + ".tail";
  if (auto renamed = disk_.rename(path, kept); !renamed) return renamed;
  return note(storage::TrimmedEvent{part.event.number, 0, entry->size, kept.substr(kept.rfind('/') + 1)});
}

Result<void> Mender::trim(const Part& part, const std::string& path, std::uint64_t size,
                          std::uint64_t old_size) {
  const auto kept = cut_tail(disk_, path, size, old_size);
  if (!kept) return std::unexpected(kept.error());
  return note(
      storage::TrimmedEvent{part.event.number, size, old_size - size, kept->substr(kept->rfind('/') + 1)});
}

Result<void> Mender::cover(const Part& part, const std::string& path, std::uint64_t size) {
  auto file = disk_.open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto synced = (*file)->sync(); !synced) return synced;
  const auto crc = checksum(disk_, path, part.covered, size);
  if (!crc) return std::unexpected(crc.error());
  return note(storage::ChecksumEvent{part.event.number, part.covered, size, format_crc32c(*crc)});
}

// The time whose lower 33 bits these are (ISO/IEC 13818-1 section 2.4.3.7), nearest to one that is known.
media::Ticks unwrap(media::Ticks wrapped, media::Ticks near) {
  constexpr media::Ticks span = media::Ticks{1} << 33;
  const media::Ticks turns = (near - wrapped + span / 2) / span;
  return wrapped + turns * span;
}

}  // namespace

Result<std::vector<std::string>> find_leftovers(Disk& disk, const std::string& directory) {
  const auto entries = disk.list(directory);
  if (!entries) return std::unexpected(entries.error());
  std::vector<std::string> found;
  for (const storage::DirectoryEntry& entry : *entries) {
    const std::string path = storage::folder_prefix(directory) + entry.name;
    if (entry.is_directory || !storage::base_of_journal(entry.name)) continue;
    if (!has_end(disk, path, entry.size) && !storage::is_locked(disk, path)) found.push_back(entry.name);
  }
  std::ranges::sort(found);
  return found;
}

Result<std::optional<Leftover>> take_over(Disk& disk, const std::string& directory,
                                          const std::string& journal, WallTime now,
                                          std::string_view resumable_end) {
  const std::string folder = storage::folder_prefix(directory);
  const std::string path = folder + journal;
  auto appender = storage::JournalAppender::open(disk, path);
  if (!appender) {
    if (appender.error().code == ErrorCode::conflict) return std::nullopt;
    return std::unexpected(std::move(appender.error()));
  }
  Story story;
  storage::JournalReader reader([&](storage::JournalEntry&& entry) { story.take(std::move(entry)); });
  if (auto read = storage::read_journal(disk, path, reader); !read) return std::unexpected(read.error());
  if (!story.start) {
    return fail(ErrorCode::invalid,
                "{} is not the journal of a recording: it has no start event; move it to another folder",
                path);
  }
  if (story.end_reason && (resumable_end.empty() || *story.end_reason != resumable_end)) return std::nullopt;

  Leftover leftover{.start = *story.start,
                    .start_time = story.start_time,
                    .files = {},
                    .ended = story.end_reason.has_value(),
                    .first_pts = story.first_pts.value_or(0),
                    .end_pts = story.pts,
                    .end_wall = story.wall};
  leftover.files.parts = static_cast<int>(story.parts.size());
  Mender mender(disk, *appender, now);
  std::optional<media::Ticks> last_pts;
  for (const Part& part : story.parts) {
    if (!storage::is_plain_name(part.event.file)) continue;
    const auto whole = mender.mend(part, folder + part.event.file);
    if (!whole) return std::unexpected(whole.error());
    if (whole->size > 0) leftover.files.part_paths.push_back(folder + part.event.file);
    leftover.files.bytes += whole->size;
    leftover.has_media = leftover.has_media || whole->size > 0;
    if (whole->size > 0) last_pts = whole->last_pts;
  }
  if (last_pts) leftover.end_pts = unwrap(*last_pts, story.pts);
  leftover.end_wall = story.wall + media::to_duration(leftover.end_pts - story.pts);
  leftover.trimmed = mender.trimmed();
  leftover.files.journal_lines = appender->next_number() - 1;
  leftover.files.journal = appender->release();
  return leftover;
}

Result<void> close_leftover(const Leftover& leftover, WallTime now) {
  storage::EndEvent end;
  end.reason = "interrupted";
  end.duration = to_seconds(media::to_duration(leftover.end_pts - leftover.first_pts));
  end.bytes = leftover.files.bytes;
  end.parts = static_cast<int>(leftover.files.part_paths.size());
  ByteVector line;
  storage::serialize(
      {.number = leftover.files.journal_lines + 1, .wall = now, .pts = leftover.end_pts, .event = end}, line);
  if (auto written = leftover.files.journal->append(line); !written) return written;
  return leftover.files.journal->sync();
}

}  // namespace holdfast::archive

#include "journal/append.hpp"

#include <algorithm>
#include <utility>

#include "journal/line.hpp"
#include "journal/reader.hpp"

namespace holdfast::journal {
namespace {

struct End {
  std::uint64_t next_number = 1;
  media::Ticks pts = 0;
  std::uint64_t whole_size = 0;
};

// Journals grow long, and all that counts is at the end: more than a writer ever repeats there after a failed
// sync, and then twice as much each time until there is a line that can be read.
Result<End> find_end(Disk& disk, const std::string& path, std::uint64_t size) {
  constexpr std::uint64_t enough = 4 * most_repeated;
  for (std::uint64_t tail = enough;; tail *= 2) {
    const std::uint64_t from = size > tail ? size - tail : 0;
    const auto bytes = disk.read(path, from, size - from);
    if (!bytes) return std::unexpected(bytes.error());
    End end;
    Reader reader([&](Entry&& entry) { end.pts = std::max(end.pts, entry.pts); });
    reader.feed(*bytes);
    end.next_number = reader.last_number() + 1;
    end.whole_size = from + reader.whole_size();
    if (reader.last_number() > 0 || from == 0) return end;
  }
}

}  // namespace

Result<Appender> Appender::open(Disk& disk, const std::string& path) {
  auto file = disk.open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto locked = (*file)->lock(); !locked) return std::unexpected(std::move(locked.error()));
  // Who held the lock before us may have removed it.
  const auto entry = disk.look(path);
  if (!entry) return std::unexpected(entry.error());
  const auto end = find_end(disk, path, entry->size);
  if (!end) return std::unexpected(end.error());
  if (end->whole_size < entry->size) {
    if (auto cut = disk.truncate(path, end->whole_size); !cut) return std::unexpected(std::move(cut.error()));
  }
  return Appender(std::move(*file), end->next_number, end->pts);
}

Result<std::uint64_t> Appender::append(Event event, WallTime wall) {
  ByteVector line;
  serialize({.number = next_number_, .wall = wall, .pts = last_pts_, .event = std::move(event)}, line);
  if (auto written = file_->append(line); !written) return std::unexpected(std::move(written.error()));
  if (auto synced = file_->sync(); !synced) return std::unexpected(std::move(synced.error()));
  return next_number_++;
}

Result<void> append(Disk& disk, const std::string& path, Event event, WallTime wall) {
  auto journal = Appender::open(disk, path);
  if (!journal) return std::unexpected(std::move(journal.error()));
  const auto written = journal->append(std::move(event), wall);
  if (!written) return std::unexpected(written.error());
  return {};
}

}  // namespace holdfast::journal

#include "storage/scan.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "storage/journal.hpp"
#include "storage/naming.hpp"

namespace holdfast::storage {
namespace {

using Sizes = std::map<std::string, std::uint64_t>;  // by file name

// What the list needs of a journal, however long it is.
struct Outline {
  std::optional<StartEvent> start;
  WallTime start_time;
  std::vector<PartEvent> parts;
  std::optional<EndEvent> end;

  void take(JournalEntry&& entry) {
    if (auto* begun = std::get_if<StartEvent>(&entry.event)) {
      start = std::move(*begun);
      start_time = entry.wall;
    } else if (auto* part = std::get_if<PartEvent>(&entry.event)) {
      parts.push_back(std::move(*part));
    } else if (auto* ended = std::get_if<EndEvent>(&entry.event)) {
      end = std::move(*ended);
    }
  }
};

bool is_locked(Disk& disk, const std::string& path) {
  const auto file = disk.open(path);
  if (!file) return false;
  const auto locked = (*file)->lock();
  return !locked && locked.error().code == ErrorCode::conflict;
}

std::vector<RecordedPart> find_parts(const Outline& outline, const std::string& folder, const Sizes& sizes) {
  std::vector<RecordedPart> parts;
  for (const PartEvent& part : outline.parts) {
    // A name from a file is no path: it must not lead out of the folder.
    if (part.file.find('/') != std::string::npos) continue;
    const auto size = sizes.find(part.file);
    parts.push_back({.path = folder + part.file,
                     .format = part.format,
                     .bytes = size == sizes.end() ? 0 : size->second,
                     .missing = size == sizes.end()});
  }
  return parts;
}

Result<RecordingSummary> read_recording(Disk& disk, const std::string& folder, const std::string& name,
                                        const Sizes& sizes) {
  const std::string path = folder + name;
  Outline outline;
  JournalReader reader([&](JournalEntry&& entry) { outline.take(std::move(entry)); });
  if (auto read = read_journal(disk, path, reader); !read) return std::unexpected(read.error());
  if (!outline.start) {
    return fail(ErrorCode::invalid, "{} is no journal of a recording: it has no start; move it elsewhere",
                path);
  }
  RecordingSummary recording{.recording_id = outline.start->recording_id,
                             .mint_id = outline.start->mint_id,
                             .participant = outline.start->participant,
                             .start_time = outline.start_time,
                             .parts = find_parts(outline, folder, sizes),
                             .journal_path = path};
  if (outline.end) {
    recording.end = RecordingEnd::ended;
    recording.end_reason = outline.end->reason;
    recording.duration = outline.end->duration;
  } else {
    recording.end = is_locked(disk, path) ? RecordingEnd::active : RecordingEnd::interrupted;
  }
  return recording;
}

}  // namespace

Result<Scan> scan(Disk& disk, const std::string& directory) {
  const auto entries = disk.list(directory);
  if (!entries) return std::unexpected(entries.error());
  Sizes sizes;
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.is_directory) sizes.emplace(entry.name, entry.size);
  }
  const std::string folder = directory.ends_with('/') ? directory : directory + '/';
  Scan found;
  for (const auto& [name, size] : sizes) {
    if (!base_of_journal(name)) continue;
    auto recording = read_recording(disk, folder, name, sizes);
    if (recording) {
      found.recordings.push_back(*std::move(recording));
    } else {
      found.unreadable.push_back(std::move(recording.error()));
    }
  }
  std::ranges::stable_sort(found.recordings, {}, &RecordingSummary::start_time);
  return found;
}

}  // namespace holdfast::storage

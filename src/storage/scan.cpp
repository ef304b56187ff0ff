#include "storage/scan.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "storage/journal.hpp"
#include "storage/naming.hpp"

namespace holdfast::storage {
namespace {

using Sizes = std::map<std::string, std::uint64_t>;  // by file name

RecordingEnd find_end(Disk& disk, const std::string& path, const Journal& journal) {
  if (journal.last<EndEvent>() != nullptr) return RecordingEnd::ended;
  const auto file = disk.open(path);
  if (!file) return RecordingEnd::interrupted;
  const auto locked = (*file)->lock();
  return !locked && locked.error().code == ErrorCode::conflict ? RecordingEnd::active
                                                               : RecordingEnd::interrupted;
}

std::vector<RecordedPart> find_parts(const Journal& journal, const std::string& folder, const Sizes& sizes) {
  std::vector<RecordedPart> parts;
  for (const JournalEntry& entry : journal.entries) {
    const auto* part = std::get_if<PartEvent>(&entry.event);
    // A name from a file is no path: it must not lead out of the folder.
    if (part == nullptr || part->file.find('/') != std::string::npos) continue;
    const auto size = sizes.find(part->file);
    parts.push_back({.path = folder + part->file,
                     .format = part->format,
                     .bytes = size == sizes.end() ? 0 : size->second,
                     .missing = size == sizes.end()});
  }
  return parts;
}

Result<RecordingSummary> read_recording(Disk& disk, const std::string& folder, const std::string& name,
                                        const Sizes& sizes) {
  const std::string path = folder + name;
  const auto bytes = disk.read(path, 0, std::numeric_limits<std::uint64_t>::max());
  if (!bytes) return std::unexpected(bytes.error());
  const Journal journal = parse_journal(*bytes);
  const auto* start = journal.last<StartEvent>();
  if (start == nullptr) {
    return fail(ErrorCode::invalid, "{} is no journal of a recording: it has no start; move it elsewhere",
                path);
  }
  RecordingSummary recording{.recording_id = start->recording_id,
                             .mint_id = start->mint_id,
                             .participant = start->participant,
                             .start_time = journal.entries.front().wall,
                             .parts = find_parts(journal, folder, sizes),
                             .end = find_end(disk, path, journal),
                             .end_reason = {},
                             .duration = {},
                             .journal_path = path};
  if (const auto* end = journal.last<EndEvent>()) {
    recording.end_reason = end->reason;
    recording.duration = end->duration;
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

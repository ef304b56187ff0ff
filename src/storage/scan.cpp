#include "storage/scan.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "storage/naming.hpp"

namespace holdfast::storage {
namespace {

std::vector<RecordedPart> find_parts(const journal::State& state, const std::string& folder,
                                     const SizeOf& size_of) {
  std::vector<RecordedPart> parts;
  for (const journal::PartState& part : state.parts) {
    if (part.set_aside() || !is_plain_name(part.file)) continue;
    const auto size = size_of(part.file);
    parts.push_back(
        {.path = folder + part.file, .format = part.format, .bytes = size.value_or(0), .missing = !size});
  }
  return parts;
}

Result<RecordingSummary> read_recording(Disk& disk, const std::string& directory, const std::string& name,
                                        const SizeOf& size_of) {
  const auto state = journal::read_state(disk, folder_prefix(directory) + name);
  if (!state) return std::unexpected(state.error());
  return summarize(disk, directory, name, *state, size_of);
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::uint64_t RecordingSummary::bytes() const {
  std::uint64_t sum = 0;
  for (const RecordedPart& part : parts) sum += part.bytes;
  return sum;
}

std::string folder_prefix(const std::string& directory) {
  return directory.ends_with('/') ? directory : directory + '/';
}

bool is_locked(Disk& disk, const std::string& path) {
  const auto file = disk.open(path);
  if (!file) return false;
  const auto locked = (*file)->lock();
  return !locked && locked.error().code == ErrorCode::conflict;
}

Result<RecordingSummary> summarize(Disk& disk, const std::string& directory, const std::string& journal,
                                   const journal::State& state, const SizeOf& size_of) {
  const std::string folder = folder_prefix(directory);
  const std::string path = folder + journal;
  if (!state.has_start) {
    return fail(ErrorCode::invalid,
                "{} is not the journal of a recording: it has no start event; move it to another folder",
                path);
  }
  RecordingSummary recording{.recording_id = state.start.recording_id,
                             .mint_id = state.start.mint_id,
                             .participant = state.start.participant,
                             .start_time = state.start_time,
                             .parts = find_parts(state, folder, size_of),
                             .is_protected = state.is_protected,
                             .gaps = state.gap_count,
                             .gap_time = media::to_duration(state.gap_ticks),
                             .packets_lost = state.packets_lost,
                             .frames_lost = state.frames_lost,
                             .journal_path = path};
  if (state.end) {
    recording.end = RecordingEnd::ended;
    recording.end_reason = state.end->reason;
    recording.duration = state.end->duration;
  } else {
    recording.end = is_locked(disk, path) ? RecordingEnd::active : RecordingEnd::interrupted;
  }
  if (recording.end != RecordingEnd::active) recording.end_time = state.last_time;
  return recording;
}

Result<Scan> scan(Disk& disk, const std::string& directory) {
  const auto entries = disk.list(directory);
  if (!entries) return std::unexpected(entries.error());
  std::map<std::string, std::uint64_t> sizes;  // by file name
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.is_directory) sizes.emplace(entry.name, entry.size);
  }
  const SizeOf size_of = [&](const std::string& name) -> std::optional<std::uint64_t> {
    const auto found = sizes.find(name);
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  };
  Scan found;
  for (const auto& [name, size] : sizes) {
    if (!base_of_journal(name)) continue;
    auto recording = read_recording(disk, directory, name, size_of);
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

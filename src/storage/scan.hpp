#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/state.hpp"

namespace holdfast::storage {

enum class RecordingEnd : std::uint8_t {
  active,       // its journal is locked: some process records it now
  interrupted,  // the recorder died
  ended,
};

struct RecordedPart {
  std::string path;
  std::string format;
  std::uint64_t bytes = 0;  // as on disk now
  bool missing = false;     // the journal names it, the folder does not have it
  bool operator==(const RecordedPart&) const = default;
};

// One recording as its files tell it.
struct RecordingSummary {
  std::string recording_id{};
  std::string mint_id{};
  std::string participant{};
  WallTime start_time{};
  std::vector<RecordedPart> parts{};
  RecordingEnd end = RecordingEnd::interrupted;
  std::optional<journal::EndReason> end_reason{};  // when ended
  std::optional<double> duration{};                // s, when ended
  std::optional<WallTime> end_time{};              // its last line's, unless active
  bool is_protected = false;                       // from retention
  std::uint64_t gaps = 0;                          // so far
  Duration gap_time{};                             // of them all
  std::uint64_t packets_lost = 0;                  // not in the files, for whatever cause
  std::uint64_t frames_lost = 0;
  std::string journal_path{};
  bool operator==(const RecordingSummary&) const = default;

  // Of all parts that are there.
  std::uint64_t bytes() const;
};

struct Scan {
  std::vector<RecordingSummary> recordings;  // by start time, the newest last
  std::vector<Error> unreadable;             // journals that could not be read
};

// Reads the recordings in a folder (not in folders within) from their journals, all of them. Blocks: storage
// thread or one-shot command.
Result<Scan> scan(Disk& disk, const std::string& directory);

// Whether the name can only be that of a file in the folder itself: it comes from a file, and must not lead
// elsewhere.
bool is_plain_name(std::string_view name);
// "recordings/" of "recordings".
std::string folder_prefix(const std::string& directory);
// Whether some process records it now. Storage thread.
bool is_locked(Disk& disk, const std::string& path);

// A file's size in the folder; nothing when there is none (or no file).
using SizeOf = std::function<std::optional<std::uint64_t>(const std::string& name)>;
// The summary of the recording whose journal of that name told this. `end` is asked from the journal's lock.
// Errors: invalid (it has no start).
Result<RecordingSummary> summarize(Disk& disk, const std::string& directory, const std::string& journal,
                                   const journal::State& state, const SizeOf& size_of);

}  // namespace holdfast::storage

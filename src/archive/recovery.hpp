#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/events.hpp"
#include "storage/recording_files.hpp"

namespace holdfast::archive {

// A recording that another process left, now in our hands: its journal is locked, its parts end with a whole
// frame, and all that is there is on stable storage and has its checksum.
struct Recovered {
  journal::StartEvent start;
  WallTime start_time;
  storage::OpenFiles files;  // with the lock
  bool ended = false;        // by the resumable end
  bool has_media = false;
  media::Ticks first_pts = 0;  // of its first part
  media::Ticks end_pts = 0;    // how far its media came ...
  WallTime end_wall{};         // ... and when that was
  std::uint64_t trimmed = 0;   // bytes that were behind the last whole frame; they lie beside it
};

// The journals in a folder that have no end, though nobody holds them, by file name. Looks at the last
// kilobytes of each. Blocks. Errors: those of Disk::list.
Result<std::vector<std::string>> find_interrupted(Disk& disk, const std::string& directory);

// Prepares a recording for being resumed or closed: locks its journal, adopts files that the journal does not
// name yet, cuts off incomplete frames (they are kept in `….tail`), syncs, and notes all of this in the
// journal. nullopt: another process has the recording, or it has ended and is not to be resumed
// (`resumable_end` is the reason of an end that may be resumed). If this process dies meanwhile, the next one
// repeats it and nothing is lost. Blocks. Errors: io; invalid (the journal has no start).
Result<std::optional<Recovered>> recover(Disk& disk, const std::string& directory, const std::string& journal,
                                         WallTime now, std::optional<journal::EndReason> resumable_end = {});

// Ends it, with the reason "interrupted". Blocks. Errors: io.
Result<void> close_recovered(const Recovered& recovered, WallTime now);

}  // namespace holdfast::archive

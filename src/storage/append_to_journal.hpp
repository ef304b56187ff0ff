#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "storage/disk.hpp"
#include "storage/journal.hpp"

namespace holdfast::storage {

// A journal that no recorder writes: of a recording that is over, or of what was removed. Locked while this
// lives, so that nobody else writes it, nor begins to record on. Blocks: storage thread or one-shot command.
class JournalAppender {
 public:
  // The lock, the end of the file, the last line's number. A torn last line (nobody could ever read it) is
  // cut off. Errors: not_found, conflict (somebody records it, or is busy with it just now), io.
  static Result<JournalAppender> open(Disk& disk, const std::string& path);

  // One line, on stable storage when it returns. Gives its number. After an error the line is or is not
  // there; open anew.
  Result<std::uint64_t> append(JournalEvent event, WallTime wall);

  std::uint64_t next_number() const { return next_number_; }
  // The file, with its lock: for who goes on with it.
  std::shared_ptr<File> release() { return std::move(file_); }

 private:
  JournalAppender(std::unique_ptr<File> file, std::uint64_t next_number, media::Ticks last_pts)
      : file_(std::move(file)), next_number_(next_number), last_pts_(last_pts) {}

  std::unique_ptr<File> file_;
  std::uint64_t next_number_;
  media::Ticks last_pts_;  // where the recording ended: time does not go on after it
};

// Of one line.
Result<void> append_to_journal(Disk& disk, const std::string& path, JournalEvent event, WallTime wall);

}  // namespace holdfast::storage

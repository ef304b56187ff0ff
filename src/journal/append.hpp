#pragma once

#include <memory>
#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/events.hpp"

namespace holdfast::journal {

// A writer repeats at most so many bytes of its lines after a failed sync.
inline constexpr std::uint64_t most_repeated = std::uint64_t{4} << 20;

// A journal that no recorder writes: of a recording that is over, or of what was removed. Locked while this
// lives, so that nobody else writes it, nor begins to record on. Blocks: storage thread or one-shot command.
class Appender {
 public:
  // The lock, the end of the file, the last line's number. A torn last line (nobody could ever read it) is
  // cut off. Errors: not_found, conflict (somebody records it, or is busy with it just now), io.
  static Result<Appender> open(Disk& disk, const std::string& path);

  // One line, on stable storage when it returns. Gives its number. After an error the line is or is not
  // there; open anew.
  Result<std::uint64_t> append(Event event, WallTime wall);

  std::uint64_t next_number() const { return next_number_; }
  // The file, with its lock: for who goes on with it.
  std::shared_ptr<File> release() { return std::move(file_); }

 private:
  Appender(std::unique_ptr<File> file, std::uint64_t next_number, media::Ticks last_pts)
      : file_(std::move(file)), next_number_(next_number), last_pts_(last_pts) {}

  std::unique_ptr<File> file_;
  std::uint64_t next_number_;
  media::Ticks last_pts_;  // where the recording ended: time does not go on after it
};

// Of one line.
Result<void> append(Disk& disk, const std::string& path, Event event, WallTime wall);

}  // namespace holdfast::journal

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/retention.hpp"
#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "journal/append.hpp"

namespace holdfast::archive {

struct Removed {
  std::string recording_id;
  std::string mint_id;
  std::vector<std::string> files;  // names in the folder
  std::uint64_t bytes = 0;
  RemovalReason reason = RemovalReason::keep_days;
};

// Takes recordings out of a folder, and keeps account of it: what is to go is first said in the folder's
// `deleted.journal.jsonl`, on stable storage, and then goes; what a crash leaves halfway is finished by the
// next one to open this. Only files that the recording's own journal names go, and the journal last. Whoever
// has this open is the only one to remove from the folder, of all processes. Blocks: storage thread or
// one-shot command.
class Remover {
 public:
  // Finishes what was left halfway. Errors: conflict (another process removes just now), io.
  static Result<Remover> open(Disk& disk, const std::string& folder, WallTime now);

  // Looks again, under the journal's lock, whether it may go; nothing: it may not (it is recorded, protected,
  // or gone). Errors: io; then the rest goes with the next open().
  Result<std::optional<Removed>> remove(const RetentionPlan::Removal& removal, WallTime now);

  // How many removals open() found halfway, and finished.
  std::size_t finished() const { return finished_; }

 private:
  Remover(Disk& disk, const std::string& folder)
      : disk_(disk), directory_(folder), folder_(storage::folder_prefix(folder)) {}
  Result<void> finish_halfway(WallTime now);
  Result<void> begin_account();
  Result<void> remove_files(const std::vector<std::string>& names);

  Disk& disk_;
  const std::string directory_;
  const std::string folder_;  // the same with its slash
  // The folder's account; nothing: there is none yet.
  std::optional<journal::Appender> account_;
  std::size_t finished_ = 0;
};

// The files of a recording that are there, its journal last: what its journal names as parts and as what was
// cut off them.
std::vector<std::string> files_of(const journal::State& state, const std::string& journal,
                                  const std::vector<DirectoryEntry>& listing);

}  // namespace holdfast::archive

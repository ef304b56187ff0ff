#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/finding.hpp"
#include "journal/reader.hpp"
#include "journal/state.hpp"

namespace holdfast::audit {

struct CheckedJournal {
  journal::State state{};
  std::uint64_t damaged_lines = 0;  // changed or missing
};

// Reads the journal, and adds what is wrong with it itself. Blocks. Errors: io, not_found.
Result<CheckedJournal> check_journal(Disk& disk, const std::string& path, Findings& findings);

// The checksums of one part, in order, read from the journal bit by bit beside the part's file.
class ChecksumCursor {
 public:
  ChecksumCursor(Disk& disk, std::string journal_path, const journal::PartState& part);
  // The next; nothing at the end, or when the journal cannot be read any more.
  std::optional<journal::ChecksumEvent> next();

 private:
  Disk& disk_;
  const std::string path_;
  const int part_;
  std::uint64_t offset_;
  bool ended_ = false;
  std::vector<journal::ChecksumEvent> found_;  // the next is the last
  journal::Reader reader_;
};

}  // namespace holdfast::audit

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "audit/finding.hpp"
#include "audit/journal_facts.hpp"
#include "audit/structure.hpp"

namespace holdfast::audit {

enum class Verdict : std::uint8_t {
  whole,            // every byte is what was written
  not_checksummed,  // sound as far as its structure and journal tell
  interrupted,      // no end; what is there is sound
  active,           // being recorded now; what is durable so far is sound
  damaged,
  unreadable,  // could not be read
};
// "whole", "whole, not checksummed", "interrupted", "active", "damaged", "unreadable".
std::string_view to_string(Verdict verdict);

// The files of a folder, by name.
using FileSizes = std::map<std::string, std::uint64_t>;

// One recording to look at: a journal, or a media file that has none.
struct Target {
  std::string folder{};   // ends in '/', or empty: where one is
  std::string journal{};  // name; empty: none
  std::string file{};     // name; where there is no journal
  // Of the folder, if it was listed for many and this recording had ended by then; null: to be listed.
  std::shared_ptr<const FileSizes> sizes{};
};

// What `path` means: a folder (all recordings in it, files without a journal too), a journal, or a media file
// (its recording, if it has a journal). Errors: not_found, io, invalid (neither).
Result<std::vector<Target>> find_targets(storage::Disk& disk, const std::string& path);

// Of the media of one recording, 0 to 1.
using VerifyProgress = std::function<void(std::uint64_t read, std::uint64_t total)>;

struct PartReport {
  std::string path{};
  std::string format{};
  std::uint64_t bytes = 0;
  std::uint64_t checked_bytes = 0;  // whose checksum was compared
  bool missing = false;
  Structure structure{};
};

struct Report {
  std::string name{};  // path of the journal, or of the file
  Verdict verdict = Verdict::unreadable;
  std::string error{};  // when unreadable
  std::optional<JournalFacts> journal{};
  std::vector<PartReport> parts{};
  Findings findings{};
  std::uint64_t bytes_read = 0;
};

// Reads all of the recording once, in pieces. Blocks; memory does not grow with it. The files are not written
// to; whether a recorder holds the journal's lock is asked for.
Report verify(storage::Disk& disk, const Target& target, const VerifyProgress& progress = {});

// `folder` ends in '/', or is empty: where one is.
Result<FileSizes> list_files(storage::Disk& disk, const std::string& folder);

// Whether some process records into it.
bool is_locked(storage::Disk& disk, const std::string& journal_path);

}  // namespace holdfast::audit

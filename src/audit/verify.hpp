#pragma once

#include <functional>
#include <string>
#include <vector>

#include "audit/checked_journal.hpp"
#include "audit/finding.hpp"
#include "audit/structure.hpp"
#include "audit/targets.hpp"

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
  std::optional<journal::State> journal{};
  std::vector<PartReport> parts{};
  Findings findings{};
  std::uint64_t bytes_read = 0;
};

// Reads all of the recording once, in pieces. Blocks; memory does not grow with it. The files are not written
// to; whether a recorder holds the journal's lock is asked for.
Report verify(Disk& disk, const Target& target, const VerifyProgress& progress = {});

}  // namespace holdfast::audit

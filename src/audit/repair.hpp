#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/ts_repair.hpp"
#include "audit/verify.hpp"

namespace holdfast::audit {

struct FrameRate {
  std::uint32_t frames = 30;
  std::uint32_t seconds = 1;  // in which so many frames are
};

struct RepairOptions {
  std::string input{};   // a media file, with or without journal, or raw H.264
  std::string output{};  // path; empty: beside the input, "{name}_repaired.ts"
  bool overwrite = false;
  std::optional<FrameRate> frame_rate{};  // of raw H.264; nothing: as it says, else 30
  WallTime now{};                         // for the journal
};

struct RepairReport {
  static constexpr std::size_t max_left_out = 1000;

  std::string output{};
  std::string journal{};
  bool only_journal = false;  // the file is sound: it was given a journal
  std::string format{};
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::vector<LeftOut> left_out{};
  std::uint64_t left_out_count = 0;
  std::uint64_t left_out_bytes = 0;
  std::uint64_t frames_left_out = 0;  // begun in the input, not whole; MPEG-TS only
  std::vector<std::string> remarks{};
  Structure structure{};  // of the output
};

// Makes the most of a file: a new one that plays and verifies, with a journal of its own that ends in
// `repaired`. A sound file without a journal gets one, and is not copied unless `output` says so. The input
// is never written to. What stays is untouched and at its time.
//
// The new file is `output`.partial until it is whole and synced; after an error nothing is left. Blocks;
// memory does not grow with the file. Errors: not_found, invalid (nothing to be saved), unsupported, conflict
// (a file of that name is there), io.
Result<RepairReport> repair(Disk& disk, const RepairOptions& options, const VerifyProgress& progress = {});

}  // namespace holdfast::audit

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::container {

// What is done when the output file exists.
enum class Existing : std::uint8_t { keep, replace };

// Told how much of the input is read, 0 to 1, at most once per percent; false cancels the export.
using ExportProgress = std::function<bool(double done)>;

struct ExportReport {
  Duration duration{};             // of the longest track
  std::uint64_t bytes = 0;         // of the output
  std::uint64_t video_frames = 0;  // written
  std::uint64_t audio_frames = 0;
  std::uint64_t damaged = 0;  // frames left out because the input was cut within them, or has them twice
};

// Copies the coded frames of a recording (MPEG-TS, Matroska, fragmented MP4; finished, cut short or still
// growing, as far as it goes now) into an ordinary MP4 with its index in front, starting at time 0. Nothing
// is re-encoded.
//
// The bytes go to `output`.partial, are synced, and get their name atomically at the end; after an error or a
// cancel nothing is left. One export an output at a time.
//
// Blocks for as long as reading and twice writing the file takes: for a background thread or a process of its
// own. Errors: not_found (no input), invalid (no media in it), unsupported (a codec that MP4 cannot hold:
// VP8), conflict
// (`output` exists and is to be kept), unavailable (cancelled), io.
Result<ExportReport> export_mp4(const std::string& input, const std::string& output,
                                Existing existing = Existing::keep, const ExportProgress& progress = {});

}  // namespace holdfast::container

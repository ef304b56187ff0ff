#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "storage/disk.hpp"

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
};

// One recording as its files tell it.
struct RecordingSummary {
  std::string recording_id{};
  std::string mint_id{};
  std::string participant{};
  WallTime start_time;
  std::vector<RecordedPart> parts{};
  RecordingEnd end = RecordingEnd::interrupted;
  std::string end_reason{};          // when ended
  std::optional<double> duration{};  // s, when ended
  std::string journal_path{};
};

struct Scan {
  std::vector<RecordingSummary> recordings;  // by start time, the newest last
  std::vector<Error> unreadable;             // journals that could not be read
};

// Reads the recordings in a folder (not in folders within) from their journals. Blocks: storage thread or
// one-shot command.
Result<Scan> scan(Disk& disk, const std::string& directory);

}  // namespace holdfast::storage

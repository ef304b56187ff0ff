#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "media/frame.hpp"
#include "storage/journal.hpp"

namespace holdfast::storage {

// What the list of recordings and retention need of a journal, however long that is. A plain value: fed with
// the lines in order, it can be kept and gone on with when the journal has grown.
struct Outline {
  std::optional<StartEvent> start;
  WallTime start_time{};
  // Of the last line of the recording itself: what was done to its files later does not make it younger.
  WallTime last_time{};
  std::vector<PartEvent> parts;
  std::vector<std::string> kept_files;  // names of what was cut off parts
  std::optional<EndEvent> end;
  bool is_protected = false;
  std::uint64_t gaps = 0;
  media::Ticks gap_ticks = 0;  // of all of them
  std::uint64_t packets_lost = 0;
  std::uint64_t frames_lost = 0;

  void take(JournalEntry&& entry);
};

// Whether the name can only be that of a file in the folder itself: it comes from a file, and must not lead
// elsewhere.
bool is_plain_name(std::string_view name);

}  // namespace holdfast::storage

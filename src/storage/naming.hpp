#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace holdfast::storage {

// The files of a recording, side by side in one folder:
//   {mint_id}_{start_time}.ts                 the first part, under its final name from the first byte
//   {mint_id}_{start_time}_part002.ts         later parts
//   {mint_id}_{start_time}.journal.jsonl      the journal

// An id made safe as a file name: letters, digits, '.', '_' and '-' stay, every other byte becomes %XX, and
// so does a leading '.' (hidden file) or '-' (option). At most 200 bytes: a longer one is cut, and told apart
// by a hash at its end.
std::string escape_id(std::string_view id);
// The id again. Nothing if `name` has a malformed escape. (A cut id cannot be had back; the journal has it.)
std::optional<std::string> unescape_id(std::string_view name);

// "{escaped mint_id}_{start time, UTC compact}"; leaves 32 bytes of the 255 that a file name may have.
std::string base_name(std::string_view mint_id, WallTime start_time);
// `part` counts from 1. `extension` without dot: "ts", "mp4", "mkv".
std::string part_name(std::string_view base, int part, std::string_view extension);
std::string journal_name(std::string_view base);
// Where a folder keeps account of the recordings that were removed from it: a journal, but of no recording.
inline constexpr std::string_view removals_name = "deleted.journal.jsonl";
// The base name of the file name of a recording's journal; nothing if it is none.
std::optional<std::string_view> base_of_journal(std::string_view file_name);

}  // namespace holdfast::storage

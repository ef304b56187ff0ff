#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "journal/events.hpp"

namespace holdfast::journal {

// Appends the entry as one line, with its newline and the line's CRC-32C.
void serialize(const Entry& entry, ByteVector& out);

enum class Line : std::uint8_t {
  known,
  unknown,  // an event of a newer version; all that every line has is in the entry
  damaged,  // not a line of a journal, or its CRC is not its own
};
// Reads a line without its newline.
Line parse_line(std::string_view line, Entry& entry);

}  // namespace holdfast::journal

#pragma once

#include <string>
#include <string_view>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::storage {

// Says in the journal of a recording that is over that the part in the file `part` (a name in the folder) was
// replaced as a whole by what that file is now: its size and CRC-32C. Reads all of the file. Blocks: storage
// thread or one-shot command. Errors: not_found (no such journal or file, or no such part in it), conflict
// (the journal is in use just now), io.
Result<void> note_replaced(Disk& disk, const std::string& directory, std::string_view recording_base,
                           const std::string& part, std::string_view reason, WallTime wall);

}  // namespace holdfast::storage

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.hpp"

namespace holdfast::audit {

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
Result<std::vector<Target>> find_targets(Disk& disk, const std::string& path);

// `folder` ends in '/', or is empty: where one is.
Result<FileSizes> list_files(Disk& disk, const std::string& folder);

}  // namespace holdfast::audit

#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "container/export.hpp"

namespace holdfast::container {

// A file under another name while it is written, which leaves nothing behind unless keep() gives it its own.
class PartialFile {
 public:
  explicit PartialFile(std::string final_path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // final_path + ".partial".
  const std::string& path() const { return path_; }
  // Syncs the bytes, renames in one step, syncs the folder. Returns the size. Errors: conflict, io.
  Result<std::uint64_t> keep(Existing existing);

  // The error for a file that is in the way.
  static std::unexpected<Error> exists(const std::string& path);

 private:
  std::string final_path_;
  std::string path_;
  bool kept_ = false;
};

}  // namespace holdfast::container

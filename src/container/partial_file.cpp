#include "container/partial_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace holdfast::container {
namespace {

std::unexpected<Error> failure(std::string_view doing, const std::string& path, int reason) {
  return fail(ErrorCode::io, "cannot {} {}: {}", doing, path, std::strerror(reason));
}

// Gives the size.
Result<std::uint64_t> sync(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return failure("open", path, errno);
  struct stat status{};
  const bool synced = ::fsync(file) == 0 && ::fstat(file, &status) == 0;
  const int reason = errno;
  ::close(file);
  if (!synced) return failure("sync", path, reason);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

PartialFile::PartialFile(std::string final_path)
    : final_path_(std::move(final_path)), path_(final_path_ + ".partial") {}

PartialFile::~PartialFile() {
  if (!kept_) ::unlink(path_.c_str());
}

Result<std::uint64_t> PartialFile::keep(Existing existing) {
  const auto size = sync(path_, O_RDONLY);
  if (!size) return size;
  const unsigned flags = existing == Existing::keep ? RENAME_NOREPLACE : 0;
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, final_path_.c_str(), flags) != 0) {
    if (errno == EEXIST) return exists(final_path_);
    return failure("rename to", final_path_, errno);
  }
  kept_ = true;
  const std::string folder = std::filesystem::path(final_path_).parent_path().string();
  if (auto synced = sync(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY); !synced) return synced;
  return size;
}

std::unexpected<Error> PartialFile::exists(const std::string& path) {
  return fail(ErrorCode::conflict, "{} exists: choose another name, or replace it (--overwrite)", path);
}

}  // namespace holdfast::container

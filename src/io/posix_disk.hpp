#pragma once

#include "base/disk.hpp"

namespace holdfast::io {

// The operating system's files. Errors name the path, the reason and what to do. Stateless: any thread.
class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override;
  Result<std::unique_ptr<File>> open(const std::string& path) override;
  Result<ByteVector> read(const std::string& path, std::uint64_t offset, std::uint64_t size) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<DirectoryEntry> look(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> truncate(const std::string& path, std::uint64_t size) override;
  Result<void> make_directories(const std::string& path) override;
  Result<void> make_private(const std::string& path) override;
  Result<std::uint64_t> free_space(const std::string& path) override;
};

}  // namespace holdfast::io

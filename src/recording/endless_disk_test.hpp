#pragma once

#include <malloc.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/disk.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// g++ brings the function without its header.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace holdfast::recording {

// What the whole process holds, the C libraries' memory included.
inline std::size_t allocated_bytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

// A disk without bottom: keeps sizes, not bytes, and shows them to whoever reads along.
class EndlessDisk final : public Disk {
 public:
  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return std::make_unique<CountedFile>(*this, path);
  }
  Result<std::unique_ptr<File>> open(const std::string& path) override {
    return std::make_unique<CountedFile>(*this, path);
  }
  Result<ByteVector> read(const std::string&, std::uint64_t, std::uint64_t) override { return ByteVector{}; }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override {
    return std::vector<DirectoryEntry>{};
  }
  Result<DirectoryEntry> look(const std::string& path) override { return DirectoryEntry{.name = path}; }
  Result<void> rename(const std::string&, const std::string&) override { return {}; }
  Result<void> remove(const std::string&) override { return {}; }
  Result<void> truncate(const std::string&, std::uint64_t) override { return {}; }
  Result<void> make_directories(const std::string&) override { return {}; }
  Result<void> make_private(const std::string&) override { return {}; }
  Result<std::uint64_t> free_space(const std::string&) override { return std::uint64_t{1} << 50; }

  std::uint64_t bytes = 0;  // in all files
  std::function<void(const std::string& path, Bytes more)> on_append;

 private:
  class CountedFile final : public File {
   public:
    CountedFile(EndlessDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
    Result<void> append(Bytes more) override {
      size_ += more.size();
      disk_.bytes += more.size();
      if (disk_.on_append) disk_.on_append(path_, more);
      return {};
    }
    Result<void> sync() override { return {}; }
    Result<void> sync_file_system() override { return {}; }
    bool is_in_place() const override { return true; }
    Result<void> put_back() override { return {}; }
    std::uint64_t size() const override { return size_; }
    Result<void> lock() override { return {}; }

   private:
    EndlessDisk& disk_;
    const std::string path_;
    std::uint64_t size_ = 0;
  };
};

}  // namespace holdfast::recording

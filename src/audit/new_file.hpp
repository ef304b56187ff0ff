#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "audit/structure.hpp"
#include "base/crc32c.hpp"
#include "base/disk.hpp"
#include "journal/events.hpp"

namespace holdfast::audit {

// The bytes of the new file on their way: to the disk, into checksums, and past the reader that a later
// verify will use. Without a file (the input stays where it is) only the latter.
class NewFile {
 public:
  NewFile(Disk& disk, std::string path, std::unique_ptr<StructureReader> reader)
      : disk_(disk), path_(std::move(path)), partial_(path_ + ".partial"), reader_(std::move(reader)) {}
  ~NewFile() {
    // It never came to its name. That it cannot be removed either changes nothing for the caller.
    if (!file_) return;
    [[maybe_unused]] const auto removed = disk_.remove(partial_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Result<void> create() {
    auto file = disk_.create(partial_);
    if (!file) return std::unexpected(file.error());
    file_ = *std::move(file);
    return {};
  }

  Result<void> append(Bytes bytes) {
    if (file_) {
      if (auto written = file_->append(bytes); !written) return written;
    }
    reader_->feed(bytes);
    while (!bytes.empty()) {
      const auto some = bytes.first(static_cast<std::size_t>(
          std::min<std::uint64_t>(bytes.size(), summed_together - (size_ - summed_to_))));
      crc_ = crc32c(crc_, some);
      size_ += some.size();
      bytes = bytes.subspan(some.size());
      if (size_ - summed_to_ == summed_together) end_sum();
    }
    return {};
  }

  Result<void> finish() {
    if (size_ > summed_to_) end_sum();
    reader_->finish(Ending::whole);
    if (!file_) return {};
    if (auto synced = file_->sync(); !synced) return synced;
    if (auto renamed = disk_.rename(partial_, path_); !renamed) return renamed;
    file_.reset();
    return {};
  }

  const std::vector<journal::ChecksumEvent>& checksums() const { return checksums_; }
  const Structure& structure() const { return reader_->structure(); }
  std::uint64_t size() const { return size_; }

 private:
  // What one `checksum` line of the new journal is about.
  static constexpr std::uint64_t summed_together = 4 << 20;

  void end_sum() {
    checksums_.push_back({1, summed_to_, size_, format_crc32c(crc_)});
    summed_to_ = size_;
    crc_ = 0;
  }

  Disk& disk_;
  const std::string path_;
  const std::string partial_;
  std::unique_ptr<StructureReader> reader_;
  std::unique_ptr<File> file_;
  std::vector<journal::ChecksumEvent> checksums_;
  std::uint64_t size_ = 0;
  std::uint64_t summed_to_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace holdfast::audit

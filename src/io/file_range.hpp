#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/http_body.hpp"
#include "base/result.hpp"

namespace holdfast::io {

// A file that is open for reading: the same one whatever is put under its name meanwhile.
class ReadableFile {
 public:
  // Errors: not_found, io.
  static Result<std::shared_ptr<const ReadableFile>> open(const std::string& path);
  ~ReadableFile();
  ReadableFile(const ReadableFile&) = delete;
  ReadableFile& operator=(const ReadableFile&) = delete;

  // At present. Errors: io.
  Result<std::uint64_t> size() const;
  // As many bytes as are there, at most those asked for. Errors: io.
  Result<std::size_t> read(std::uint64_t offset, MutableBytes into) const;

 private:
  ReadableFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  const std::string path_;
  const int descriptor_;
};

// Bytes [from, to) of a file as a body. The file may grow meanwhile; it must not shrink.
class FileRange final : public HttpBody {
 public:
  FileRange(std::shared_ptr<const ReadableFile> file, std::uint64_t from, std::uint64_t to)
      : file_(std::move(file)), at_(from), end_(to), size_(to - from) {}

  std::optional<std::uint64_t> size() const override { return size_; }
  Result<Piece> read(MutableBytes into) override;

 private:
  const std::shared_ptr<const ReadableFile> file_;
  std::uint64_t at_;
  const std::uint64_t end_;
  const std::uint64_t size_;
};

}  // namespace holdfast::io

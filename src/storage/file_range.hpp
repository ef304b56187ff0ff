#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "base/disk.hpp"
#include "base/http_body.hpp"

namespace holdfast::storage {

// Bytes [from, to) of a file as a body. The file may grow meanwhile; it must not shrink.
class FileRange final : public HttpBody {
 public:
  // `disk` outlives it.
  FileRange(Disk& disk, std::string path, std::uint64_t from, std::uint64_t to)
      : disk_(disk), path_(std::move(path)), at_(from), end_(to), size_(to - from) {}

  std::optional<std::uint64_t> size() const override { return size_; }
  Result<Piece> read(MutableBytes into) override {
    const std::uint64_t wanted = std::min<std::uint64_t>(into.size(), end_ - at_);
    const auto bytes = wanted == 0 ? Result<ByteVector>(ByteVector()) : disk_.read(path_, at_, wanted);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->size() != wanted) return fail(ErrorCode::io, "{} has become shorter while it was read", path_);
    std::ranges::copy(*bytes, into.begin());
    at_ += wanted;
    return Piece{bytes->size(), at_ == end_ ? Piece::Next::end : Piece::Next::more};
  }

 private:
  Disk& disk_;
  const std::string path_;
  std::uint64_t at_;
  const std::uint64_t end_;
  const std::uint64_t size_;
};

}  // namespace holdfast::storage

#include "io/file_range.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast::io {

Result<std::shared_ptr<const ReadableFile>> ReadableFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) return std::shared_ptr<const ReadableFile>(new ReadableFile(path, descriptor));
  const ErrorCode code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::io;
  return fail(code, "cannot read {}: {}", path, std::strerror(errno));
}

ReadableFile::~ReadableFile() {
  ::close(descriptor_);
}

Result<std::uint64_t> ReadableFile::size() const {
  struct stat status{};
  if (fstat(descriptor_, &status) != 0)
    return fail(ErrorCode::io, "cannot read {}: {}", path_, std::strerror(errno));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::size_t> ReadableFile::read(std::uint64_t offset, MutableBytes into) const {
  for (;;) {
    const ssize_t size = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno != EINTR) return fail(ErrorCode::io, "cannot read {}: {}", path_, std::strerror(errno));
  }
}

Result<HttpBody::Piece> FileRange::read(MutableBytes into) {
  const std::uint64_t wanted = std::min<std::uint64_t>(into.size(), end_ - at_);
  if (wanted == 0) return Piece{0, Piece::Next::end};
  const auto size = file_->read(at_, into.first(wanted));
  if (!size) return std::unexpected(size.error());
  if (*size == 0) return fail(ErrorCode::io, "the file has become shorter while it was sent");
  at_ += *size;
  return Piece{*size, at_ == end_ ? Piece::Next::end : Piece::Next::more};
}

}  // namespace holdfast::io

#include "base/frame_reader.hpp"

#include <algorithm>

namespace holdfast {

void FrameReader::push(Bytes bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(read_));
  read_ = 0;
  if (broken_) return;
  const std::size_t skip = std::min(to_skip_, bytes.size());
  to_skip_ -= skip;
  const Bytes wanted = bytes.subspan(skip);
  buffer_.insert(buffer_.end(), wanted.begin(), wanted.end());
}

std::optional<MutableBytes> FrameReader::next() {
  while (!broken_) {
    const MutableBytes rest = MutableBytes(buffer_).subspan(read_);
    const auto shape = measure_(rest);
    if (!shape) return std::nullopt;
    if (shape->size == 0) {
      broken_ = true;
    } else if (shape->size > longest_) {
      ++skipped_;
      const std::size_t here = std::min(shape->size, rest.size());
      read_ += here;
      to_skip_ = shape->size - here;
    } else if (shape->size > rest.size()) {
      return std::nullopt;
    } else {
      read_ += shape->size;
      return rest.subspan(shape->content_begin, shape->content_size);
    }
  }
  return std::nullopt;
}

}  // namespace holdfast

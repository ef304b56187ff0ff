#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"

namespace holdfast {

// How long a frame of a byte stream is, by its first bytes.
struct FrameShape {
  std::size_t size = 0;           // of the whole frame, with header and padding; 0: no frame begins so
  std::size_t content_begin = 0;  // what is handed on of it
  std::size_t content_size = 0;
};

// Takes apart a stream of framed messages, in whatever pieces it arrives. What is too long for anybody here
// is skipped and counted; it holds one frame of at most `longest` bytes, and what was pushed last.
class FrameReader {
 public:
  // nullopt: more bytes are needed to tell.
  using Measure = std::optional<FrameShape> (*)(Bytes begin);

  FrameReader(Measure measure, std::size_t longest) : measure_(measure), longest_(longest) {}

  // To be followed by next() until that gives nothing.
  void push(Bytes bytes);
  // The content of the next whole frame: may be overwritten, valid until the next push().
  std::optional<MutableBytes> next();
  // Something stood where a frame should begin: nothing after it can be understood.
  bool is_broken() const { return broken_; }
  std::uint64_t skipped() const { return skipped_; }

 private:
  Measure measure_;
  std::size_t longest_;
  ByteVector buffer_;
  std::size_t read_ = 0;     // of buffer_
  std::size_t to_skip_ = 0;  // of a frame that is too long: its bytes yet to come
  bool broken_ = false;
  std::uint64_t skipped_ = 0;
};

}  // namespace holdfast

#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/bytes.hpp"

namespace holdfast::storage {

// Buffers in which a worker's files gather what is to be written: a file has one only while it has something
// in it, so that hundreds of files need not two each. Worker thread only.
class BufferPool {
 public:
  // Larger ones, grown for a key frame, are not kept.
  static constexpr std::size_t largest_kept = std::size_t{32} << 10;
  static constexpr std::size_t most_kept = 32;

  // The one that was given last, for the processor still has it at hand; else one without memory.
  ByteVector take() {
    if (free_.empty()) return {};
    ByteVector bytes = std::move(free_.back());
    free_.pop_back();
    return bytes;
  }
  void give(ByteVector bytes) {
    if (bytes.capacity() == 0 || bytes.capacity() > largest_kept || free_.size() == most_kept) return;
    bytes.clear();
    free_.push_back(std::move(bytes));
  }

 private:
  std::vector<ByteVector> free_;
};

}  // namespace holdfast::storage

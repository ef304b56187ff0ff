#pragma once

#include <algorithm>
#include <cstddef>

#include "base/bytes.hpp"

namespace holdfast::codec {

// Memory for the frame at hand. Between frames a track has none: most of hundreds of tracks are between two.
class FrameMemory {
 public:
  // A frame begins: as much as the last one needed, in one step.
  void take(ByteVector& frame) const { frame.reserve(std::min(last_, most_at_once)); }
  // It is over.
  void give_back(ByteVector& frame) {
    last_ = frame.size();
    frame = ByteVector();
  }

 private:
  static constexpr std::size_t most_at_once = std::size_t{32} << 10;  // frames after a key frame are small
  std::size_t last_ = 0;
};

}  // namespace holdfast::codec

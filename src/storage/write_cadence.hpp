#pragma once

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "base/time.hpp"

namespace holdfast::storage {

// How often a worker's files are written: a few at once, at every tick; the more there are, the more each of
// them gathers, so that the number of writes (system calls, and turns of the file system) levels off at 4,000
// a second. Worker thread only.
class WriteCadence {
 public:
  // What a frame waits at most. With the worker's tick and the disk's own time it has to stay below 100 ms.
  static constexpr Duration longest = std::chrono::milliseconds(40);

  void open() { ++files_; }
  void close() {
    CHECK(files_ > 0);
    --files_;
  }
  // Between two writes to one file.
  Duration interval() const { return std::min(longest, files_ * share); }

 private:
  static constexpr Duration share = std::chrono::microseconds(250);
  int files_ = 0;
};

}  // namespace holdfast::storage

#pragma once

#include <optional>

#include "base/time.hpp"

namespace holdfast::io {

// SIGINT and SIGTERM, taken where the program waits for them instead of wherever they strike. Make one in
// main, before any thread: threads started later inherit the block. A second signal while the program is
// finishing ends it at once, with status 130.
class StopSignals {
 public:
  StopSignals();
  // Waits for the first signal, at most until `deadline`. Gives which one came.
  std::optional<int> wait_until(Instant deadline);
  // From now on the next signal ends the program at once.
  void exit_on_next();
};

}  // namespace holdfast::io

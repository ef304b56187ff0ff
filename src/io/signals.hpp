#pragma once

#include <optional>

#include "base/time.hpp"

namespace holdfast::io {

// SIGINT and SIGTERM, and SIGHUP if it is asked for, taken where the program waits for them instead of
// wherever they strike. Make one in main, before any thread: threads started later inherit the block. A
// second signal while the program is finishing ends it at once, with status 130.
class StopSignals {
 public:
  enum class Hangup : unsigned char { ends_the_program, is_waited_for };
  explicit StopSignals(Hangup hangup = Hangup::ends_the_program);
  // Waits for the first signal, at most until `deadline`. Gives which one came.
  std::optional<int> wait_until(Instant deadline);
  // From now on the next signal ends the program at once.
  void exit_on_next();

 private:
  const Hangup hangup_;
};

}  // namespace holdfast::io

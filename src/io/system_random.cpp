#include "io/system_random.hpp"

#include <sys/random.h>

#include <cstdlib>

namespace holdfast::io {

void SystemRandom::fill(MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);
    // Only an interrupted call can fail on the kernels we run on; without randomness there is no security to
    // go on with.
    if (count < 0) {
      if (errno == EINTR) continue;
      std::abort();
    }
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace holdfast::io

#pragma once

#include "base/random.hpp"

namespace holdfast::io {

// The kernel's generator: for ICE passwords, ids and everything a stranger must not guess. Any thread.
class SystemRandom final : public Random {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace holdfast::io

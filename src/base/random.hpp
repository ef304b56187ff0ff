#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace holdfast {

// Where random bytes come from. The program uses the kernel's generator (io/), tests a seeded one, so that a
// run replays.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(MutableBytes out) = 0;

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1).
  double unit();
  // `length` characters of ice-char (RFC 8839 section 5.4): letters, digits, '+', '/'. 6 bits of entropy
  // each.
  std::string ice_string(std::size_t length);
};

// xoshiro256**: fast, repeatable, not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(MutableBytes out) override;

 private:
  std::uint64_t step();
  std::uint64_t state_[4];
};

}  // namespace holdfast

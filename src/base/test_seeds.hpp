#pragma once

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace holdfast {

// The seeds of a random test. HOLDFAST_SEED=n begins with that one, HOLDFAST_SEEDS=n takes so many of them:
// so a failure is replayed, and `make soak` takes fresh ones.
inline std::uint64_t seeds_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

inline std::vector<std::uint64_t> test_seeds(std::uint64_t count, std::uint64_t first = 1) {
  std::vector<std::uint64_t> seeds(seeds_from_environment("HOLDFAST_SEEDS", count));
  const std::uint64_t begin = seeds_from_environment("HOLDFAST_SEED", first);
  for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i] = begin + i;
  return seeds;
}

}  // namespace holdfast

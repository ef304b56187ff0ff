#pragma once

#include <cstdint>
#include <string>

#include "base/units.hpp"
#include "control/environment.hpp"
#include "control/status.hpp"

namespace holdfast::control {

// Free space and health of the recordings folder, looked at every few seconds. Control thread.
class DiskWatch {
 public:
  // Looks from now on. `environment` outlives it.
  DiskWatch(const Environment& environment, std::string folder, ByteSize min_free);

  // Ready until the first look is done.
  Readiness readiness() const { return readiness_; }
  // For people; empty if it is ready.
  const std::string& problem() const { return problem_; }

 private:
  void look();
  void take(const Result<std::uint64_t>& free_space);

  const Environment& environment_;
  const std::string folder_;
  const ByteSize min_free_;
  Readiness readiness_ = Readiness::ready;
  std::string problem_;
  Timer timer_;
};

}  // namespace holdfast::control

#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "control/environment.hpp"
#include "control/recordings.hpp"
#include "recording/admission.hpp"

namespace holdfast::control {

// Whether the machine takes one more recording, and on which worker. Control thread.
class AdmissionGate {
 public:
  // All of them outlive it. `limit`: see recording::Admission.
  AdmissionGate(const Environment& environment, const Recordings& recordings, double limit)
      : environment_(environment), recordings_(recordings), admission_(limit) {}

  // Errors: exhausted; counted.
  Result<void> admit(std::string_view mint_id, recording::Transcoding transcoding);
  std::size_t choose_worker(recording::Transcoding transcoding) const;
  // Starts, by the recording::Resource that was full.
  const std::array<std::uint64_t, recording::resource_count>& refused() const { return refused_; }

 private:
  recording::MachineLoad load() const;

  const Environment& environment_;
  const Recordings& recordings_;
  const recording::Admission admission_;
  std::array<std::uint64_t, recording::resource_count> refused_{};
};

}  // namespace holdfast::control

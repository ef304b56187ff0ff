#include "audit/repair_job.hpp"

namespace holdfast::audit {

// Fragments and clusters that are whole.
Result<void> RepairJob::copy_kept() {
  std::uint64_t reached = 0;
  const auto skip = [&](std::uint64_t to) {
    if (to > reached) left_out({reached, to, std::nullopt, "incomplete"});
  };
  for (const auto& [from, to] : kept_) {
    skip(from);
    if (auto copied = copy(from, to); !copied) return copied;
    reached = to;
  }
  skip(report_.input_bytes);
  return {};
}

}  // namespace holdfast::audit

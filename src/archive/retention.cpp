#include "archive/retention.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace holdfast::archive {

std::string_view to_string(RemovalReason reason) {
  switch (reason) {
    case RemovalReason::keep_days:
      return "keep_days";
    case RemovalReason::keep_bytes:
      return "keep_bytes";
    case RemovalReason::keep_free:
      break;
  }
  return "keep_free";
}

RetentionPlan plan_retention(const std::vector<storage::RecordingSummary>& recordings,
                             const RetentionLimits& limits, WallTime now, std::uint64_t free) {
  std::uint64_t total = 0;
  std::map<std::string_view, std::size_t> named;  // how many recordings name the file
  for (const storage::RecordingSummary& recording : recordings) {
    total += recording.bytes();
    for (const storage::RecordedPart& part : recording.parts) ++named[part.path];
  }
  std::vector<const storage::RecordingSummary*> may_go;
  for (const storage::RecordingSummary& recording : recordings) {
    const bool is_alone = std::ranges::all_of(
        recording.parts, [&](const storage::RecordedPart& part) { return named.at(part.path) == 1; });
    if (recording.end_time && !recording.is_protected && is_alone) may_go.push_back(&recording);
  }
  std::ranges::sort(may_go, {}, [](const storage::RecordingSummary* recording) {
    return std::tie(*recording->end_time, recording->journal_path);
  });

  const bool days = limits.keep_days != 0;
  const WallTime oldest = now - std::chrono::days(limits.keep_days);
  const auto too_much = [&] { return limits.keep_bytes.bytes != 0 && total > limits.keep_bytes.bytes; };
  const auto too_full = [&] { return limits.keep_free.bytes != 0 && free < limits.keep_free.bytes; };
  const auto reason_for = [&](const storage::RecordingSummary& recording) -> std::optional<RemovalReason> {
    if (days && *recording.end_time < oldest) return RemovalReason::keep_days;
    if (too_much()) return RemovalReason::keep_bytes;
    if (too_full()) return RemovalReason::keep_free;
    return std::nullopt;
  };

  RetentionPlan plan;
  for (const storage::RecordingSummary* recording : may_go) {
    const auto reason = reason_for(*recording);
    if (!reason) break;  // those after it are younger
    plan.removals.push_back({*recording, *reason});
    total -= recording->bytes();
    free += recording->bytes();
  }
  if (too_much()) plan.missed.push_back(RemovalReason::keep_bytes);
  if (too_full()) plan.missed.push_back(RemovalReason::keep_free);
  return plan;
}

}  // namespace holdfast::archive

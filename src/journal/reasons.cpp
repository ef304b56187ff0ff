#include "journal/reasons.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast::journal {
namespace {

constexpr std::array<std::string_view, 10> end_names{"stopped",   "stream_ended", "refused",  "failed",
                                                     "gap_limit", "mute_limit",   "shutdown", "interrupted",
                                                     "repaired",  "unknown"};
constexpr std::array<std::string_view, 11> part_names{"start",     "resumed",  "video_format", "late_video",
                                                      "disk",      "split",    "duration",     "size",
                                                      "recovered", "repaired", "unknown"};
static_assert(end_names.size() == std::to_underlying(EndReason::unknown) + 1);
static_assert(part_names.size() == std::to_underlying(PartReason::unknown) + 1);

template <typename Reason, std::size_t count>
Reason parse(const std::array<std::string_view, count>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? Reason::unknown : static_cast<Reason>(found - names.begin());
}

}  // namespace

std::string_view to_string(EndReason reason) {
  return end_names[std::to_underlying(reason)];
}
EndReason parse_end_reason(std::string_view name) {
  return parse<EndReason>(end_names, name);
}
std::string_view to_string(PartReason reason) {
  return part_names[std::to_underlying(reason)];
}
PartReason parse_part_reason(std::string_view name) {
  return parse<PartReason>(part_names, name);
}

}  // namespace holdfast::journal

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"
#include "storage/scan.hpp"

namespace holdfast::archive {

// What a folder's recordings may take. 0: no limit.
struct RetentionLimits {
  unsigned keep_days = 0;  // days since a recording's end, of 24 hours
  ByteSize keep_bytes{};   // of all recordings' media files together
  ByteSize keep_free{};    // free space of the file system

  bool any() const { return keep_days != 0 || keep_bytes.bytes != 0 || keep_free.bytes != 0; }
};

// Whether retention must leave a recording alone.
enum class Protection : std::uint8_t { off, on };

enum class RemovalReason : std::uint8_t { keep_days, keep_bytes, keep_free };
inline constexpr std::size_t removal_reason_count = 3;
std::string_view to_string(RemovalReason reason);

struct RetentionPlan {
  struct Removal {
    storage::RecordingSummary recording;
    RemovalReason reason = RemovalReason::keep_days;
  };
  std::vector<Removal> removals;      // in this order: the one that ended first first
  std::vector<RemovalReason> missed;  // limits that would be broken even then: nothing else may go
};

// What must go, the oldest end first, so that the limits hold; never what is active or protected, nor
// what shares a file with another (a journal was copied). A plain
// computation: it removes nothing. `free`: bytes free at present.
RetentionPlan plan_retention(const std::vector<storage::RecordingSummary>& recordings,
                             const RetentionLimits& limits, WallTime now, std::uint64_t free);

}  // namespace holdfast::archive

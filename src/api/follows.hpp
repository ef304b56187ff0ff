#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "control/start_request.hpp"
#include "follow/follow_list.hpp"

namespace holdfast::api {

// A followed stream as the API shows it.
struct FollowStatus {
  control::StartRequest request;  // what each of its recordings is asked for with
  follow::Follow follow;
  std::optional<WallTime> next_check;  // none: it is being recorded
};

// What became of a webhook.
enum class WebhookOutcome : std::uint8_t {
  acted,    // about a followed stream, which was looked at or started
  ignored,  // about another stream, or of no concern
  refused,  // not signed as it should be
  invalid   // signed, but no event
};
inline constexpr std::size_t webhook_outcome_count = 4;

struct FollowMetrics {
  std::array<std::size_t, follow::state_count> streams{};
  std::array<std::uint64_t, follow::outcome_count> checks{};
  std::array<std::uint64_t, webhook_outcome_count> webhooks{};
};

enum class Novelty : std::uint8_t { added, known };

// The streams that are recorded each time they go live, as the API sees them: implemented by the follower,
// used by the Router, on the control thread. Replies come once, on the same thread, at once or later.
class Follows {
 public:
  using FollowReply = std::move_only_function<void(Result<Novelty>)>;
  using DoneReply = std::move_only_function<void(Result<void>)>;
  virtual ~Follows() = default;

  // Follows the stream; replies once that would survive a power cut. Of one that is followed already, what
  // its recordings are asked for with is replaced. Errors: invalid (no way to see whether it is live as
  // configured), conflict (as many are followed as may be), io (it cannot be kept).
  virtual void follow(control::StartRequest request, FollowReply reply) = 0;
  // Follows it no longer; a recording of it goes on. Errors: not_found, io (it is followed on).
  virtual void unfollow(std::string_view mint_id, DoneReply reply) = 0;
  // By mint id.
  virtual std::vector<FollowStatus> follows() const = 0;
  virtual std::optional<FollowStatus> followed(std::string_view mint_id) const = 0;
  // What was wrong with the file of follows when the service started, for people; empty: nothing.
  virtual std::string_view follows_problem() const = 0;

  // A webhook of LiveKit's, with its Authorization field. Errors: refused (not signed with our key), invalid
  // (signed, but no event), unsupported (no key to check it with).
  virtual Result<void> handle_webhook(std::string_view authorization, std::string_view body) = 0;

  virtual FollowMetrics follow_metrics() const = 0;
};

}  // namespace holdfast::api

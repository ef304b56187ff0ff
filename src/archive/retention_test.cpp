#include "archive/retention.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/test_seeds.hpp"

namespace holdfast::archive {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::IsEmpty;

struct RetentionTest : testing::Test {
  // One of so many bytes that ended so many days ago.
  storage::RecordingSummary& add(const std::string& id, int days_ago, std::uint64_t bytes = 100) {
    storage::RecordingSummary recording;
    recording.recording_id = id;
    recording.journal_path = "r/" + id + ".journal.jsonl";
    recording.parts.push_back({.path = "r/" + id + ".ts", .format = "mpegts", .bytes = bytes});
    recording.end = storage::RecordingEnd::ended;
    recording.end_time = now - days(days_ago);
    recordings.push_back(recording);
    return recordings.back();
  }
  std::vector<std::string> removed() {
    plan = plan_retention(recordings, limits, now, free);
    std::vector<std::string> ids;
    ids.reserve(plan.removals.size());
    for (const auto& removal : plan.removals) ids.push_back(removal.recording.recording_id);
    return ids;
  }

  const WallTime now{std::chrono::seconds(1'795'365'901)};
  std::vector<storage::RecordingSummary> recordings;
  RetentionLimits limits;
  std::uint64_t free = 1'000;
  RetentionPlan plan;
};

TEST_F(RetentionTest, WithoutLimitsNothingGoes) {
  add("ancient", 10'000);
  EXPECT_THAT(removed(), IsEmpty());
  EXPECT_FALSE(limits.any());
}

TEST_F(RetentionTest, KeepDaysCountsFromTheEnd) {
  limits.keep_days = 7;
  add("six", 6);
  add("eight", 8);
  add("nine", 9);
  add("seven", 7);
  EXPECT_THAT(removed(), ElementsAre("nine", "eight"));
  EXPECT_EQ(plan.removals[0].reason, RemovalReason::keep_days);
}

TEST_F(RetentionTest, KeepBytesTakesTheOldestUntilItFits) {
  limits.keep_bytes = {250};
  add("b", 2);
  add("d", 0);
  add("c", 1);
  add("a", 3);
  EXPECT_THAT(removed(), ElementsAre("a", "b"));
  EXPECT_EQ(plan.removals[1].reason, RemovalReason::keep_bytes);
  limits.keep_bytes = {400};
  EXPECT_THAT(removed(), IsEmpty()) << "just fits";
}

TEST_F(RetentionTest, KeepFreeTakesTheOldestUntilThereIsRoom) {
  limits.keep_free = {1'150};
  add("a", 3);
  add("b", 2);
  add("c", 1);
  EXPECT_THAT(removed(), ElementsAre("a", "b"));
  EXPECT_EQ(plan.removals[1].reason, RemovalReason::keep_free);
  EXPECT_THAT(plan.missed, IsEmpty());
}

TEST_F(RetentionTest, WhatIsActiveOrProtectedNeverGoesButCounts) {
  limits = {.keep_days = 1, .keep_bytes = {1}, .keep_free = {1'000'000}};
  add("protected", 9).is_protected = true;
  auto& active = add("active", 9);
  active.end = storage::RecordingEnd::active;
  active.end_time.reset();
  EXPECT_THAT(removed(), IsEmpty());
  EXPECT_THAT(plan.missed, ElementsAre(RemovalReason::keep_bytes, RemovalReason::keep_free));
}

TEST_F(RetentionTest, OneThatSharesAFileWithAnotherStays) {
  limits.keep_days = 1;
  const auto parts = add("original", 9).parts;
  add("copied journal", 9).parts = parts;
  add("other", 8);
  EXPECT_THAT(removed(), ElementsAre("other"));
}

TEST_F(RetentionTest, WhatGoesForItsAgeMakesRoomForTheOtherLimits) {
  limits = {.keep_days = 5, .keep_bytes = {200}};
  add("old", 6);
  add("young", 2);
  add("younger", 1);
  EXPECT_THAT(removed(), ElementsAre("old"));
}

TEST_F(RetentionTest, WhateverTheFolderNothingYoungerGoesBeforeAnythingOlderAndNoMoreThanMust) {
  for (const std::uint64_t seed : test_seeds(300)) {
    SCOPED_TRACE("HOLDFAST_SEED=" + std::to_string(seed));
    SeededRandom random(seed);
    recordings.clear();
    for (std::uint64_t count = random.below(12); count > 0; --count) {
      auto& recording =
          add("r" + std::to_string(count), static_cast<int>(random.below(20)), random.below(500));
      recording.is_protected = random.below(4) == 0;
      if (random.below(4) == 0) recording.end_time.reset();
    }
    limits = {.keep_days = static_cast<unsigned>(random.below(20)),
              .keep_bytes = {random.below(3'000)},
              .keep_free = {random.below(3'000)}};
    const auto ids = removed();
    const auto is_removed = [&](const auto& recording) {
      return std::ranges::find(ids, recording.recording_id) != ids.end();
    };
    std::uint64_t left = 0;
    std::uint64_t free_then = free;
    WallTime youngest_removed{};
    for (const auto& recording : recordings) {
      if (is_removed(recording)) {
        ASSERT_TRUE(recording.end_time && !recording.is_protected);
        free_then += recording.bytes();
        youngest_removed = std::max(youngest_removed, *recording.end_time);
      } else {
        left += recording.bytes();
      }
    }
    for (const auto& recording : recordings) {
      if (is_removed(recording) || recording.is_protected || !recording.end_time) continue;
      EXPECT_GE(*recording.end_time, youngest_removed);
      if (limits.keep_days != 0) {
        EXPECT_GE(*recording.end_time, now - days(limits.keep_days));
      }
      EXPECT_THAT(plan.missed, IsEmpty()) << "something else might have gone";
    }
    if (plan.missed.empty()) {
      if (limits.keep_bytes.bytes != 0) {
        EXPECT_LE(left, limits.keep_bytes.bytes);
      }
      EXPECT_GE(free_then, limits.keep_free.bytes);
    }
    if (!plan.removals.empty() && plan.removals.back().reason != RemovalReason::keep_days) {
      const std::uint64_t last = plan.removals.back().recording.bytes();
      const bool was_needed = (limits.keep_bytes.bytes != 0 && left + last > limits.keep_bytes.bytes) ||
                              free_then - last < limits.keep_free.bytes;
      EXPECT_TRUE(was_needed);
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace holdfast::archive

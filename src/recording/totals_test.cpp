#include "recording/totals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"

namespace holdfast::recording {
namespace {

Status status_of(const std::string& recording_id, const std::string& mint_id, std::uint64_t written) {
  Status status;
  status.recording_id = recording_id;
  status.mint_id = mint_id;
  status.tracks.emplace_back().packets = {.expected = written + 1, .written = written, .pending = 1};
  return status;
}

std::uint64_t written(const Totals& totals, const std::string& mint_id) {
  for (const Totals::Series* series : totals.series()) {
    if (series->mint_id == mint_id) return series->packets[std::to_underlying(media::Kind::video)].written;
  }
  return 0;
}

// A recording took its counts with it when it ended, and Prometheus saw a reset of "(other)" each time.
TEST(Totals, WhatHasEndedStillCounts) {
  Totals totals(1);
  totals.update(status_of("a-1", "a", 10));
  totals.update(status_of("b-1", "b", 20));
  totals.update(status_of("c-1", "c", 30));
  totals.end(status_of("b-1", "b", 25));
  EXPECT_EQ(written(totals, "a"), 10u);
  EXPECT_EQ(written(totals, ""), 55u);
  totals.end(status_of("a-1", "a", 12));
  totals.update(status_of("a-2", "a", 5));
  EXPECT_EQ(written(totals, "a"), 17u);
}

TEST(Totals, ARecordingStaysInItsSeries) {
  Totals totals(1);
  totals.update(status_of("a-1", "a", 10));
  totals.update(status_of("b-1", "b", 20));
  totals.end(status_of("a-1", "a", 10));
  totals.update(status_of("b-1", "b", 30));
  EXPECT_EQ(written(totals, ""), 30u);
  EXPECT_EQ(totals.series_of("b-1").mint_id, "");
  // The place of a is for the next.
  totals.update(status_of("c-1", "c", 7));
  EXPECT_EQ(totals.series_of("c-1").mint_id, "c");
  EXPECT_EQ(written(totals, "a"), 0u);
}

TEST(Totals, PendingIsWhatIsPendingNow) {
  Totals totals(10);
  totals.update(status_of("a-1", "a", 10));
  totals.update(status_of("a-2", "a", 10));
  const auto& packets = totals.series()[0]->packets[std::to_underlying(media::Kind::video)];
  EXPECT_EQ(packets.pending, 2u);
  EXPECT_EQ(packets.expected, packets.written + packets.pending);
  Status last = status_of("a-1", "a", 11);
  last.tracks[0].packets.pending = 0;
  totals.end(last);
  EXPECT_EQ(packets.pending, 1u);
}

// Recordings of few and of many mint ids come and go: no series falls while it is there, and the shared one
// never does.
TEST(Totals, NoSeriesEverFalls) {
  SeededRandom random(7);
  Totals totals(5);
  std::map<std::string, Status> active;
  std::map<std::string, std::uint64_t> seen;
  for (int step = 0, next = 0; step < 20'000; ++step) {
    const auto act = random.below(10);
    if (active.empty() || (act == 0 && active.size() < 20)) {
      const std::string id = "r" + std::to_string(next++);
      active[id] = status_of(id, "m" + std::to_string(random.below(12)), 0);
    }
    auto each = std::next(active.begin(), static_cast<std::ptrdiff_t>(random.below(active.size())));
    each->second.tracks[0].packets.written += random.below(100);
    if (act == 1) {
      totals.end(each->second);
      active.erase(each);
    } else {
      totals.update(each->second);
    }
    std::map<std::string, std::uint64_t> now;
    for (const Totals::Series* series : totals.series())
      now[series->mint_id] = written(totals, series->mint_id);
    ASSERT_LE(now.size(), 6u);
    for (const auto& [mint_id, count] : seen) {
      if (!now.contains(mint_id)) continue;
      ASSERT_GE(now[mint_id], count) << "step " << step << " " << mint_id;
    }
    seen = std::move(now);
  }
  EXPECT_GT(seen[""], 0u);
}

}  // namespace
}  // namespace holdfast::recording

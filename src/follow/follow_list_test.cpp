#include "follow/follow_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/sim_clock.hpp"

namespace holdfast::follow {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Duration interval = 15s;

// Streams that go live and end, and a list that follows some of them, on simulated time. Looks take no time
// unless a test keeps the answers back.
class FollowTest : public testing::Test {
 protected:
  struct Look {
    std::string mint_id;
    Instant at;
    Haste haste;
  };

  FollowTest() { make_list({}); }

  void make_list(FollowList::Options options) {
    options.interval = interval;
    list_.emplace(options, random_);
    if (std::exchange(driven_, true)) return;
    clock_.drive([this] { return list_->deadline(); }, [this](Instant now) { look(now); });
  }
  void look(Instant now) {
    const auto due = list_->take_due(now);
    if (!due.empty()) batches_.push_back(due.size());
    for (const auto& [mint_id, haste] : due) {
      looks_.push_back({mint_id, now, haste});
      if (answering_) answer(mint_id);
    }
  }
  void answer(const std::string& mint_id) {
    const Check check =
        trouble_ ? *trouble_ : Check{.outcome = live_.contains(mint_id) ? Outcome::live : Outcome::not_live};
    decide(mint_id, list_->handle_check(mint_id, check, clock_.now()));
  }
  void decide(const std::string& mint_id, Decision decision) {
    if (decision == Decision::nothing) return;
    started_.push_back(mint_id);
    if (no_room_) {
      list_->handle_start_postponed(mint_id, "the machine is full", clock_.now());
    } else if (cannot_start_.empty()) {
      list_->handle_started(mint_id, "r" + std::to_string(started_.size()));
    } else {
      list_->handle_start_failed(mint_id, cannot_start_, clock_.now());
    }
  }

  void follow(const std::string& mint_id) { list_->add(mint_id, clock_.now()); }
  void go_live(const std::string& mint_id) { live_.insert(mint_id); }
  void end(const std::string& mint_id, EndedBy by, std::string_view why = {}) {
    if (by == EndedBy::itself) live_.erase(mint_id);
    list_->handle_over(mint_id, by, "r" + std::to_string(started_.size()), why, clock_.now());
  }
  Follow seen(const std::string& mint_id) { return list_->find(mint_id).value(); }
  Duration wait_of(const std::string& mint_id) { return seen(mint_id).next_check - clock_.now(); }

  static constexpr std::uint64_t seed = 1;
  sim::SimClock clock_;
  SeededRandom random_{seed};
  std::optional<FollowList> list_;
  bool driven_ = false;
  bool answering_ = true;
  std::optional<Check> trouble_;
  std::string cannot_start_;
  bool no_room_ = false;
  std::set<std::string> live_;
  std::vector<Look> looks_;
  std::vector<std::size_t> batches_;
  std::vector<std::string> started_;
};

TEST_F(FollowTest, a_new_follow_is_looked_at_at_once_and_in_haste) {
  follow("a");
  clock_.run_for(1ms);
  ASSERT_THAT(looks_, SizeIs(1));
  EXPECT_EQ(looks_[0].haste, Haste::at_once);
  EXPECT_EQ(seen("a").state, State::watching);
}

TEST_F(FollowTest, a_stream_that_is_not_live_is_looked_at_every_interval_and_a_bit) {
  follow("a");
  clock_.run_for(10min);
  EXPECT_GE(looks_.size(), 10min / (interval * 6 / 5));
  for (std::size_t i = 1; i < looks_.size(); ++i) {
    EXPECT_GE(looks_[i].at - looks_[i - 1].at, interval);
    EXPECT_LE(looks_[i].at - looks_[i - 1].at, interval * 6 / 5);
    EXPECT_EQ(looks_[i].haste, Haste::routine);
  }
  EXPECT_THAT(started_, IsEmpty());
}

TEST_F(FollowTest, one_that_has_no_room_is_tried_again_at_every_look) {
  no_room_ = true;
  follow("a");
  go_live("a");
  clock_.run_for(10min);
  EXPECT_GE(started_.size(), 10min / (interval * 6 / 5));
  EXPECT_EQ(seen("a").last_error, "the machine is full");
  no_room_ = false;
  clock_.run_for(interval * 6 / 5);
  EXPECT_EQ(seen("a").state, State::recording);
}

TEST_F(FollowTest, it_is_recorded_each_time_it_goes_live_and_not_looked_at_meanwhile) {
  follow("a");
  for (std::size_t time = 1; time <= 3; ++time) {
    clock_.run_for(1min);
    go_live("a");
    clock_.run_for(1min);
    EXPECT_THAT(started_, SizeIs(time));
    EXPECT_EQ(seen("a").state, State::recording);
    const std::size_t looks = looks_.size();
    clock_.run_for(1h);
    EXPECT_EQ(looks_.size(), looks);
    end("a", EndedBy::itself);
    EXPECT_EQ(seen("a").state, State::watching);
    EXPECT_EQ(seen("a").last_recording_id, "r" + std::to_string(time));
  }
}

TEST_F(FollowTest, a_stream_that_is_back_soon_is_recorded_soon) {
  follow("a");
  go_live("a");
  clock_.run_for(1s);
  end("a", EndedBy::itself);
  go_live("a");
  clock_.run_for(FollowList::look_again * 6 / 5);
  EXPECT_THAT(started_, SizeIs(2));
}

TEST_F(FollowTest, what_was_stopped_by_hand_starts_again_only_after_it_was_seen_not_live) {
  follow("a");
  go_live("a");
  clock_.run_for(1s);
  end("a", EndedBy::hand);
  EXPECT_TRUE(seen("a").held);
  clock_.run_for(10min);
  EXPECT_THAT(started_, SizeIs(1));
  EXPECT_EQ(list_->handle_published("a"), Decision::nothing);
  live_.erase("a");
  clock_.run_for(1min);
  EXPECT_FALSE(seen("a").held);
  go_live("a");
  clock_.run_for(1min);
  EXPECT_THAT(started_, SizeIs(2));
}

TEST_F(FollowTest, to_be_told_that_it_is_over_ends_the_hold_as_well) {
  follow("a");
  go_live("a");
  clock_.run_for(1s);
  end("a", EndedBy::hand);
  list_->handle_gone("a");
  EXPECT_FALSE(seen("a").held);
  clock_.run_for(1min);
  EXPECT_THAT(started_, SizeIs(2));
}

TEST_F(FollowTest, a_recording_started_or_stopped_by_hand_counts_as_well) {
  follow("a");
  clock_.run_for(1s);
  list_->handle_started("a", "by hand");
  EXPECT_EQ(seen("a").state, State::recording);
  go_live("a");
  clock_.run_for(1min);
  EXPECT_THAT(started_, IsEmpty());
  list_->handle_over("a", EndedBy::hand, "by hand", {}, clock_.now());
  clock_.run_for(1min);
  EXPECT_THAT(started_, IsEmpty());
}

TEST_F(FollowTest, trouble_is_shown_and_makes_the_looks_rarer_up_to_a_limit) {
  follow("a");
  trouble_ = Check{.outcome = Outcome::unavailable, .why = "no connection"};
  clock_.run_for(1s);
  EXPECT_EQ(seen("a").state, State::error);
  EXPECT_EQ(seen("a").last_error, "no connection");
  clock_.run_for(1h);
  EXPECT_LE(looks_.size(), 3 + 1h / 2min);
  EXPECT_GE(looks_.size(), 1h / (2min * 6 / 5));
  trouble_.reset();
  clock_.run_for(3min);
  EXPECT_EQ(seen("a").state, State::watching);
  EXPECT_EQ(seen("a").last_error, "");
  EXPECT_LE(wait_of("a"), interval * 6 / 5);
}

TEST_F(FollowTest, what_the_other_side_asks_for_is_honoured_also_in_haste) {
  follow("a");
  trouble_ = Check{.outcome = Outcome::unavailable, .at_least = 10min, .why = "busy"};
  clock_.run_for(1s);
  list_->hurry("a", clock_.now());
  clock_.run_for(9min);
  EXPECT_THAT(looks_, SizeIs(1));
  clock_.run_for(2min);
  EXPECT_THAT(looks_, SizeIs(2));
}

TEST_F(FollowTest, recordings_that_bring_nothing_are_tried_ever_more_rarely) {
  follow("a");
  go_live("a");
  Instant last = clock_.now();
  std::vector<Duration> waits;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(clock_.run_until([&] { return started_.size() == static_cast<std::size_t>(i) + 1; }, 10min));
    waits.push_back(clock_.now() - last);
    last = clock_.now();
    end("a", EndedBy::fruitless, "no media came");
    EXPECT_EQ(seen("a").state, State::error);
    EXPECT_EQ(seen("a").last_error, "no media came");
  }
  EXPECT_GE(waits[1], 15s);
  EXPECT_GE(waits[2], 30s);
  EXPECT_GE(waits[3], 60s);
  EXPECT_GE(waits[4], 120s);
  EXPECT_GE(waits[5], 120s);
  EXPECT_LE(waits[5], 144s);
}

TEST_F(FollowTest, a_start_that_fails_is_tried_again_later) {
  follow("a");
  go_live("a");
  cannot_start_ = "the disk is full";
  clock_.run_for(1s);
  EXPECT_EQ(seen("a").state, State::error);
  EXPECT_EQ(seen("a").last_error, "the disk is full");
  cannot_start_.clear();
  clock_.run_for(1min);
  EXPECT_EQ(seen("a").state, State::recording);
}

TEST_F(FollowTest, to_be_told_that_somebody_publishes_starts_without_a_look) {
  follow("a");
  clock_.run_for(5s);
  const std::size_t looks = looks_.size();
  decide("a", list_->handle_published("a"));
  EXPECT_EQ(seen("a").state, State::recording);
  EXPECT_EQ(list_->handle_published("a"), Decision::nothing);
  EXPECT_EQ(looks_.size(), looks);
}

TEST_F(FollowTest, the_answer_to_a_look_from_before_the_start_changes_nothing) {
  answering_ = false;
  follow("a");
  clock_.run_for(1s);
  decide("a", list_->handle_published("a"));
  answer("a");  // "not live"
  EXPECT_EQ(seen("a").state, State::recording);
  go_live("a");
  answer("a");  // a second answer to the same look
  EXPECT_THAT(started_, SizeIs(1));
}

TEST_F(FollowTest, what_happens_during_a_look_makes_it_look_again) {
  answering_ = false;
  follow("a");
  clock_.run_for(100ms);
  list_->hurry("a", clock_.now());
  answering_ = true;
  answer("a");
  go_live("a");
  clock_.run_for(FollowList::breath);
  EXPECT_THAT(started_, SizeIs(1));
}

TEST_F(FollowTest, a_storm_of_events_looks_once_a_second) {
  follow("a");
  for (int i = 0; i < 1000; ++i) {
    list_->hurry("a", clock_.now());
    clock_.run_for(10ms);
  }
  EXPECT_GE(looks_.size(), 10U);
  EXPECT_LE(looks_.size(), 11U);
}

TEST_F(FollowTest, a_thousand_restored_follows_are_no_burst_and_stay_spread) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::vector<Follow> kept(1000);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].mint_id = "m" + std::to_string(i);
  list_->restore(kept, clock_.now());
  clock_.run_for(10min);
  // Of 1,000 in 15 to 18 s: 55 to 67 a second, and never twice as many.
  std::map<std::int64_t, int> by_second;
  for (const Look& look : looks_) ++by_second[look.at.time_since_epoch() / 1s];
  for (const auto& [second, count] : by_second) EXPECT_LE(count, 134);
  EXPECT_GE(looks_.size(), 1000U * (10min / (interval * 6 / 5)));
}

TEST_F(FollowTest, a_few_restored_follows_are_looked_at_at_once) {
  list_->restore({{.mint_id = "a"}, {.mint_id = "b", .held = true}}, clock_.now());
  go_live("a");
  go_live("b");
  clock_.run_for(100ms);
  EXPECT_EQ(started_, std::vector<std::string>{"a"});
  EXPECT_TRUE(seen("b").held);
}

TEST_F(FollowTest, those_that_are_due_soon_come_along) {
  make_list({.together = interval / 10});
  std::vector<Follow> kept(1000);
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].mint_id = "m" + std::to_string(i);
  list_->restore(kept, clock_.now());
  clock_.run_for(1min);
  // 50 to a question at most: 20 questions an interval, and not many more.
  EXPECT_LE(batches_.size(), 5U * 22U);
  EXPECT_THAT(batches_, Contains(50U));
}

TEST_F(FollowTest, no_more_looks_are_under_way_than_allowed) {
  make_list({.most_checks = 2});
  answering_ = false;
  for (const char* id : {"a", "b", "c"}) follow(id);
  clock_.run_for(1h);
  EXPECT_THAT(looks_, SizeIs(2));
  answer(looks_[0].mint_id);
  clock_.run_for(1ms);
  EXPECT_THAT(looks_, SizeIs(3));
  EXPECT_TRUE(list_->remove("b"));
  EXPECT_FALSE(list_->remove("b"));
}

TEST_F(FollowTest, what_is_not_followed_is_ignored) {
  EXPECT_EQ(list_->handle_check("x", {.outcome = Outcome::live}, clock_.now()), Decision::nothing);
  EXPECT_EQ(list_->handle_published("x"), Decision::nothing);
  list_->hurry("x", clock_.now());
  list_->handle_gone("x");
  list_->handle_started("x", "r");
  list_->handle_over("x", EndedBy::itself, "r", {}, clock_.now());
  EXPECT_EQ(list_->size(), 0U);
  EXPECT_EQ(list_->deadline(), never);
}

TEST_F(FollowTest, the_revision_tells_when_there_is_something_to_keep) {
  follow("a");
  const auto before = list_->revision();
  clock_.run_for(10min);
  EXPECT_EQ(list_->revision(), before);
  go_live("a");
  clock_.run_for(1min);
  const auto recording = list_->revision();
  EXPECT_NE(recording, before);
  end("a", EndedBy::hand);
  EXPECT_NE(list_->revision(), recording);
}

}  // namespace
}  // namespace holdfast::follow

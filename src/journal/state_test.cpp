#include "journal/state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::journal {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr media::Ticks second = media::ticks_per_second;

// A journal as it is written, one line a call.
struct StateTest : testing::Test {
  static WallTime at(Duration since) { return WallTime(std::chrono::seconds(1'800'000'000)) + since; }
  void line(Duration since, media::Ticks pts, Event event) {
    ++number;
    state.take({.number = number, .wall = at(since), .pts = pts, .event = std::move(event)}, number * 100);
  }
  void begin() {
    line(0s, 0, StartEvent{.recording_id = "r", .mint_id = "m"});
    line(1s, second, PartEvent{.number = 1, .file = "r.ts", .format = "mpegts", .reason = PartReason::start});
  }
  std::vector<std::string> contradictions() const {
    std::vector<std::string> all;
    all.reserve(state.contradictions.size());
    for (const Contradiction& each : state.contradictions) all.push_back(each.detail);
    return all;
  }

  State state;
  std::uint64_t number = 0;
};

TEST_F(StateTest, ARecordingFromStartToEnd) {
  begin();
  line(2s, 2 * second, ChecksumEvent{.part = 1, .from = 0, .to = 100});
  line(5s, 5 * second, EndEvent{.reason = EndReason::stopped, .duration = 4, .bytes = 100, .parts = 1});
  EXPECT_TRUE(state.has_start);
  EXPECT_EQ(state.start_time, at(0s));
  ASSERT_THAT(state.parts, SizeIs(1));
  EXPECT_EQ(state.parts[0].pts, second);
  EXPECT_EQ(state.parts[0].journal_offset, 200u);
  EXPECT_EQ(state.parts[0].told_to(), 100u);
  EXPECT_TRUE(state.ended());
  EXPECT_EQ(state.reached, 5 * second);
  EXPECT_EQ(state.last_time, at(5s));
  EXPECT_THAT(contradictions(), IsEmpty());
}

TEST_F(StateTest, AResumedRecordingHasNotEnded) {
  begin();
  line(5s, 5 * second, EndEvent{.reason = EndReason::shutdown});
  EXPECT_TRUE(state.ended());
  line(9s, 5 * second, ResumedEvent{});
  EXPECT_FALSE(state.ended());
  EXPECT_EQ(state.resumed, 1u);
  line(12s, 12 * second, EndEvent{.reason = EndReason::stopped});
  EXPECT_EQ(state.end->reason, EndReason::stopped);
  EXPECT_THAT(contradictions(), IsEmpty());
}

// What recovery adds, minutes or days later, is not media.
TEST_F(StateTest, TheLinesOfARecoveryDoNotGoFurther) {
  begin();
  line(8s, 8 * second, LedgerEvent{});
  line(1h, 8 * second, TrimmedEvent{.part = 1, .bytes = 300, .cut = 20, .kept_as = "r.ts.tail"});
  line(1h, 8 * second, ChecksumEvent{.part = 1, .from = 0, .to = 300});
  line(2h, 8 * second, ProtectEvent{true});
  EXPECT_EQ(state.reached, 8 * second);
  EXPECT_EQ(state.reached_at, at(8s));
  EXPECT_EQ(state.last_time, at(8s));
  EXPECT_TRUE(state.is_protected);
  EXPECT_EQ(state.parts[0].told_to(), 300u);
  EXPECT_THAT(state.tails, ElementsAre("r.ts.tail"));
  EXPECT_FALSE(state.parts[0].set_aside());
}

TEST_F(StateTest, APartWithoutACompleteFrameIsSetAside) {
  begin();
  line(2s, 2 * second, PartEvent{.number = 2, .file = "r_part002.ts", .format = "mpegts"});
  line(1h, 2 * second, TrimmedEvent{.part = 2, .bytes = 0, .cut = 20, .kept_as = "r_part002.ts.tail"});
  EXPECT_FALSE(state.find_part("r.ts")->set_aside());
  EXPECT_TRUE(state.find_part("r_part002.ts")->set_aside());
  EXPECT_EQ(state.find_part("r_part003.ts"), nullptr);
}

TEST_F(StateTest, WhatIsMissingIsExplainedByGapsLossesMutesAndRestarts) {
  begin();
  line(20s, 20 * second, GapEvent{.from_pts = 10 * second, .to_pts = 20 * second, .cause = "left"});
  line(40s, 40 * second, MuteEvent{.track = 1, .muted = true});
  line(50s, 50 * second, MuteEvent{.track = 1, .muted = false});
  line(70s, 70 * second, LedgerEvent{});
  line(100s, 70 * second, ResumedEvent{});
  std::vector<std::pair<media::Ticks, media::Ticks>> spans;
  for (const Span& span : state.explained()) spans.emplace_back(span.from / second, span.to / second);
  EXPECT_THAT(spans, ElementsAre(std::pair(10, 20), std::pair(40, 50), std::pair(65, 75)));
  EXPECT_EQ(state.gap_ticks, 10 * second);
}

TEST_F(StateTest, WhatLastsToTheEndIsExplainedToo) {
  begin();
  line(10s, 10 * second, MuteEvent{.track = 0, .muted = true});
  line(30s, 30 * second, LedgerEvent{});
  ASSERT_THAT(state.explained(), SizeIs(1));
  EXPECT_EQ(state.explained()[0].to, 30 * second);
  ASSERT_THAT(state.tracks[0].mutes_until(state.reached), SizeIs(1));
}

TEST_F(StateTest, LinesThatNoRecorderWritesAreContradictions) {
  begin();
  line(2s, 2 * second, StartEvent{.recording_id = "again"});
  line(2s, 2 * second, PartEvent{.number = 3, .file = "r_part003.ts", .format = "mpegts"});
  line(2s, 2 * second, PartEvent{.number = 3, .file = "../escape", .format = "mpegts"});
  line(2s, 2 * second, ChecksumEvent{.part = 1, .from = 10, .to = 20});
  line(2s, 2 * second, ChecksumEvent{.part = 7, .from = 0, .to = 20});
  line(2s, 2 * second, LedgerEvent{.expected = 5, .written = 4});
  line(3s, 3 * second, EndEvent{});
  line(3s, 3 * second, EndEvent{});
  std::vector<Contradiction::Kind> kinds;
  kinds.reserve(state.contradictions.size());
  for (const Contradiction& each : state.contradictions) kinds.push_back(each.kind);
  using Kind = Contradiction::Kind;
  EXPECT_THAT(kinds, ElementsAre(Kind::order, Kind::order, Kind::order, Kind::checksum_chain, Kind::order,
                                 Kind::ledger, Kind::order));
  EXPECT_EQ(state.start.recording_id, "r");
  EXPECT_EQ(state.contradictions[3].bytes->to, 10u);
}

TEST_F(StateTest, AnEndlessJournalTakesBoundedMemory) {
  begin();
  for (int i = 0; i < 50'000; ++i) {
    const media::Ticks pts = (10 + 20 * media::Ticks{i}) * second;
    line(1s, pts, GapEvent{.from_pts = pts - 5 * second, .to_pts = pts, .cause = "left"});
    line(1s, pts, MarkerEvent{"x"});
    line(1s, pts, LedgerEvent{.expected = 1});
    line(1s, pts, ReconnectEvent{std::to_string(i)});
  }
  EXPECT_EQ(state.gap_count, 50'000u);
  EXPECT_THAT(state.gaps, SizeIs(State::max_listed));
  EXPECT_THAT(state.markers, SizeIs(State::max_listed));
  EXPECT_THAT(state.reconnects, SizeIs(State::max_texts));
  EXPECT_THAT(state.contradictions, SizeIs(State::max_contradictions));
}

}  // namespace
}  // namespace holdfast::journal

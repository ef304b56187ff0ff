#include "archive/leftovers.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// A recorder dies, another goes on with what it left.
class TakeoverTest : public SessionTest {
 protected:
  static constexpr const char* journal_file = "m-1_20260101T000000.000Z.journal.jsonl";

  archive::Leftover take_over() {
    auto taken = archive::take_over(disk, "/recordings", journal_file, clock.wall());
    EXPECT_TRUE(taken.has_value() && taken->has_value());
    return std::move(**taken);
  }
  void go_on() {
    archive::Leftover leftover = take_over();
    options.output.continues = Continuation{.files = std::move(leftover.files),
                                            .first_pts = leftover.first_pts,
                                            .end_pts = leftover.end_pts,
                                            .end_wall = leftover.end_wall};
  }
  std::vector<std::string> reasons() {
    std::vector<std::string> found;
    for (const storage::PartEvent& part : events<storage::PartEvent>()) found.push_back(part.reason);
    return found;
  }
};

TEST_F(TakeoverTest, TheRecordingGoesOnOnItsOwnTimeline) {
  connect();
  play_both();
  run_for(7s);
  const Instant killed = clock.now();
  kill_recorder();
  stop_both();
  run_for(20s);
  go_on();
  connect();
  play_both();
  run_for(5s);
  EXPECT_EQ(state(), State::recording);
  finish();

  EXPECT_THAT(reasons(), ElementsAre("start", "resumed"));
  EXPECT_THAT(events<storage::StartEvent>(), SizeIs(1));
  EXPECT_THAT(events<storage::ResumedEvent>(), SizeIs(1));
  const auto gaps = events<storage::GapEvent>();
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_EQ(gaps[0].cause, "restart");
  // From the last picture of the first file to the first packet after it.
  const MediaFile first = file(0);
  const MediaFile second = file(1);
  const auto last = std::max(first.video().packets.back().pts, first.audio().packets.back().pts);
  EXPECT_NEAR(static_cast<double>(gaps[0].from_pts), static_cast<double>(last), 1);
  EXPECT_NEAR(static_cast<double>(gaps[0].to_pts - gaps[0].from_pts), 20.3 * media::ticks_per_second,
              0.4 * media::ticks_per_second);
  EXPECT_GE(second.video().packets.front().pts, gaps[0].to_pts);
  EXPECT_LE(second.video().packets.front().pts - gaps[0].to_pts, media::ticks_per_second / 5);
  EXPECT_TRUE(second.video().packets.front().key);
  // Media time has gone with the wall clock all along.
  EXPECT_NEAR(to_seconds(status().duration), to_seconds(clock.now() - killed) + 7, 0.5);
  EXPECT_EQ(journal().damaged + journal().missing, 0u);
}

TEST_F(TakeoverTest, WhoNeverGetsMediaAgainEndsItWhole) {
  connect();
  play_both();
  run_for(5s);
  kill_recorder();
  stop_both();
  run_for(2s);
  go_on();
  connect();
  ASSERT_TRUE(clock.run_until([&] { return !recorder().limit_reached.empty(); }, 70s));
  EXPECT_EQ(recorder().limit_reached, "gap_limit");
  finish("gap_limit");
  EXPECT_THAT(reasons(), ElementsAre("start"));
  const auto ends = events<storage::EndEvent>();
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends[0].bytes, bytes(0).size());
  EXPECT_NEAR(ends[0].duration, 5, 0.5);
}

TEST_F(TakeoverTest, AsOftenAsItTakes) {
  connect();
  play_both();
  for (int i = 0; i < 3; ++i) {
    run_for(3s);
    kill_recorder();
    stop_both();
    run_for(1s);
    options.local = {Endpoint{IpAddress::from_v4(192, 0, 2, 2), static_cast<std::uint16_t>(3000 + i)}};
    go_on();
    connect();
    play_both();
  }
  run_for(3s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "resumed", "resumed", "resumed"));
  EXPECT_THAT(events<storage::GapEvent>(), SizeIs(3));
  media::Ticks last = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const MediaFile part = file(i);
    EXPECT_GT(part.video().packets.front().pts, last) << "part " << i + 1;
    last = part.video().packets.back().pts;
  }
}

TEST_F(TakeoverTest, OneThatIsRecordedIsNotTakenOver) {
  connect();
  play_both();
  run_for(3s);
  const auto taken = archive::take_over(disk, "/recordings", journal_file, clock.wall());
  ASSERT_TRUE(taken.has_value());
  EXPECT_FALSE(taken->has_value());
  finish();
}

}  // namespace
}  // namespace holdfast::recording

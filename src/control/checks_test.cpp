// What the folder's classes refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include "control/live_test.hpp"
#include "control/whip_source.hpp"

namespace holdfast::control {
namespace {

struct ControlChecksDeathTest : testing::Test {
  RecordingPlan plan(const std::string& mint_id) {
    return plan_recording({.mint_id = mint_id}, {}, live_settings(), {}, world.clock.wall(),
                          [](std::string_view) { return false; });
  }
  livekit::Membership::Options member() {
    return membership_options({.mint_id = "m", .participants = Participants::all}, {}, {}, "m-1", {});
  }
  Recordings& recordings() { return process.plane->recordings(); }

  SimWorld world{1};
  Process process{world, live_settings()};
};

TEST_F(ControlChecksDeathTest, ATimerThatCallsNobody) {
  Timers timers;
  Timer timer(timers);
  EXPECT_DEATH(timer.start({}, {}), "CHECK");
}

TEST_F(ControlChecksDeathTest, ARecordingWithTwoSources) {
  Recording& recording = recordings().add(0, plan("m"));
  EXPECT_DEATH(recording.attach(nullptr), "CHECK");
  recording.attach(std::make_unique<WhipSource>());
  EXPECT_DEATH(recording.attach(std::make_unique<WhipSource>()), "CHECK");
}

TEST_F(ControlChecksDeathTest, ASessionThatIsNotOpen) {
  Recording& recording = recordings().add(0, plan("m"));
  EXPECT_DEATH(recording.session(), "CHECK");
}

TEST_F(ControlChecksDeathTest, TwoRecordingsOfOneName) {
  recordings().add(0, plan("m"));
  EXPECT_DEATH(recordings().add(0, plan("m")), "CHECK");
}

TEST_F(ControlChecksDeathTest, RecoveryWhileSomethingIsRecorded) {
  ASSERT_TRUE(process.plane->start({.mint_id = "m"}));
  EXPECT_DEATH(process.plane->take_over(), "CHECK");
}

TEST_F(ControlChecksDeathTest, RecoveryTwice) {
  process.plane->take_over();
  EXPECT_DEATH(process.plane->take_over(), "CHECK");
}

TEST_F(ControlChecksDeathTest, DrainingTwice) {
  const auto drain = [&] {
    process.plane->drain(ControlPlane::Drain::for_good, journal::EndReason::stopped, [] {});
  };
  drain();
  EXPECT_DEATH(drain(), "CHECK");
}

TEST_F(ControlChecksDeathTest, TwoWatchesOfOneName) {
  struct Nobody final : RoomWatches::Events {
    Result<void> start_participant(const StartRequest&, const std::string&) override { return {}; }
    void on_watch_removed(const RoomWatch&) override {}
  } nobody;
  RoomWatches watches(process.environment(), nobody);
  watches.add(plan("m"), member());
  EXPECT_DEATH(watches.add(plan("m"), member()), "CHECK");
}

TEST_F(ControlChecksDeathTest, AStopFromAnotherThread) {
  process.plane->take_over();
  const auto stop = [&] { process.plane->stop("m", [](const Result<Stopped>&) {}); };
  EXPECT_DEBUG_DEATH(std::thread(stop).join(), "CHECK");
}

}  // namespace
}  // namespace holdfast::control

#include "sim/sim_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST(SimClockTest, JobsRunAtTheirInstantInOrder) {
  SimClock clock;
  const Instant start = clock.now();
  std::vector<std::string> order;
  clock.schedule_in(2s, [&] { order.push_back("later"); });
  clock.schedule_in(1s, [&] {
    EXPECT_EQ(clock.now(), start + 1s);
    order.push_back("first");
    clock.schedule_in(0s, [&] { order.push_back("from a job"); });
  });
  clock.schedule_in(1s, [&] { order.push_back("second"); });
  clock.run_for(1500ms);
  EXPECT_EQ(clock.now(), start + 1500ms);
  EXPECT_THAT(order, ElementsAre("first", "second", "from a job"));
}

TEST(SimClockTest, AMachineIsCalledAtItsDeadline) {
  SimClock clock;
  const Instant start = clock.now();
  Instant deadline = start + 10ms;
  std::vector<Duration> calls;
  clock.drive([&] { return deadline; },
              [&](Instant now) {
                calls.push_back(now - start);
                deadline = calls.size() < 3 ? now + 10ms : never;
              });
  clock.run_for(1s);
  EXPECT_THAT(calls, ElementsAre(10ms, 20ms, 30ms));
}

TEST(SimClockTest, AJobMayBringAMachinesDeadlineForward) {
  SimClock clock;
  const Instant start = clock.now();
  Instant deadline = never;
  Instant called{};
  clock.drive([&] { return deadline; },
              [&](Instant now) {
                called = now;
                deadline = never;
              });
  clock.schedule_in(5ms, [&] { deadline = clock.now(); });
  clock.run_for(1s);
  EXPECT_EQ(called, start + 5ms);
}

TEST(SimClockTest, RunUntilStopsAtTheEventThatMakesItTrue) {
  SimClock clock;
  const Instant start = clock.now();
  int events = 0;
  for (int i = 1; i <= 10; ++i) clock.schedule_in(i * 1s, [&] { ++events; });
  EXPECT_TRUE(clock.run_until([&] { return events == 3; }, 1min));
  EXPECT_EQ(clock.now(), start + 3s);
  EXPECT_FALSE(clock.run_until([&] { return events == 11; }, 1min));
  EXPECT_EQ(clock.now(), start + 63s);
}

TEST(SimClockTest, TheWallClockMayStepWhileTimeGoesOn) {
  SimClock clock;
  EXPECT_EQ(format_rfc3339(clock.wall()), "2026-01-01T00:00:00.000Z");
  clock.run_for(1s);
  const Instant before = clock.now();
  clock.step_wall(-1h);
  EXPECT_EQ(format_rfc3339(clock.wall()), "2025-12-31T23:00:01.000Z");
  EXPECT_EQ(clock.now(), before);
}

TEST(SimClockDeathTest, ABusyLoopIsFound) {
  SimClock clock;
  clock.drive([&] { return clock.now(); }, [](Instant) {});
  EXPECT_DEATH(clock.run_for(1s), "busy loop");
}

}  // namespace
}  // namespace holdfast::sim

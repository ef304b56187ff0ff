#include "control/timers.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <vector>

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

struct TimersTest : testing::Test {
  Executor::Job note(int number) {
    return [this, number] { ran.push_back(number); };
  }
  Timers timers;
  Timer a{timers}, b{timers};
  const Instant start{1h};
  std::vector<int> ran;
};

TEST_F(TimersTest, RunsWhatIsDueInOrder) {
  EXPECT_EQ(timers.deadline(), never);
  b.start(start + 2s, note(2));
  a.start(start + 1s, note(1));
  EXPECT_EQ(timers.deadline(), start + 1s);
  timers.handle_timeout(start);
  EXPECT_THAT(ran, ElementsAre());
  timers.handle_timeout(start + 5s);
  EXPECT_THAT(ran, ElementsAre(1, 2));
  EXPECT_EQ(timers.deadline(), never);
}

TEST_F(TimersTest, ARestartedOrDestroyedTimerForgetsItsCall) {
  a.start(start, note(1));
  a.start(start + 1s, note(2));
  auto gone = std::make_unique<Timer>(timers);
  gone->start(start, note(3));
  gone.reset();
  timers.handle_timeout(start);
  EXPECT_THAT(ran, ElementsAre());
  timers.handle_timeout(start + 1s);
  EXPECT_THAT(ran, ElementsAre(2));
}

TEST_F(TimersTest, OneThatRestartsItselfRunsOncePerCall) {
  Executor::Job again = [&] {
    ran.push_back(static_cast<int>(ran.size()));
    a.start(start, [&] { again(); });
  };
  a.start(start, [&] { again(); });
  timers.handle_timeout(start);
  EXPECT_THAT(ran, ElementsAre(0));
  timers.handle_timeout(start);
  EXPECT_THAT(ran, ElementsAre(0, 1));
}

TEST_F(TimersTest, AJobMayDestroyAnotherTimerThatIsDue) {
  auto other = std::make_unique<Timer>(timers);
  a.start(start, [&] { other.reset(); });
  other->start(start, note(2));
  timers.handle_timeout(start);
  EXPECT_THAT(ran, ElementsAre());
}

}  // namespace
}  // namespace holdfast::control

#include "load/wheel.hpp"

#include <gmock/gmock.h>

namespace holdfast::bench {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class WheelTest : public testing::Test {
 protected:
  static constexpr Instant begin{1h};
  void schedule(Duration after, int item) { wheel_.schedule(begin + after, item); }
  std::vector<int> taken_by(Duration after) {
    std::vector<int> taken;
    wheel_.advance(begin + after, [&](Instant due, int item) {
      EXPECT_LE(due, begin + after) << "item " << item << " came early";
      taken.push_back(item);
    });
    return taken;
  }
  Wheel<int> wheel_{begin, 5ms};
};

TEST_F(WheelTest, WhatIsDueComesAtTheNextBoundaryAndNeverEarly) {
  schedule(5ms, 1);
  schedule(5ms + 1ns, 2);
  schedule(10ms, 3);
  EXPECT_THAT(taken_by(4ms), ElementsAre());
  EXPECT_THAT(taken_by(5ms), ElementsAre(1));
  EXPECT_THAT(taken_by(10ms), ElementsAre(2, 3));
}

TEST_F(WheelTest, WhatIsOverdueComesAtTheNextBoundary) {
  EXPECT_THAT(taken_by(20ms), ElementsAre());
  schedule(1ms, 1);
  EXPECT_THAT(taken_by(24ms), ElementsAre());
  EXPECT_THAT(taken_by(25ms), ElementsAre(1));
}

TEST_F(WheelTest, WhatIsFurtherAwayThanATurnWaitsForItsOwn) {
  schedule(10ms + 3 * 256 * 5ms, 2);
  schedule(10ms, 1);
  EXPECT_THAT(taken_by(3s), ElementsAre(1));
  EXPECT_THAT(taken_by(10ms + 3 * 256 * 5ms), ElementsAre(2));
}

TEST_F(WheelTest, AnItemMayScheduleItselfAnewEvenForATimeThatHasPassed) {
  int times = 0;
  wheel_.schedule(begin, 7);
  wheel_.advance(begin + 50ms, [&](Instant due, int item) {
    ++times;
    wheel_.schedule(due + 10ms, item);
  });
  EXPECT_EQ(times, 6);  // at 0, 10, ... 50 ms
  EXPECT_THAT(taken_by(60ms), ElementsAre(7));
}

}  // namespace
}  // namespace holdfast::bench

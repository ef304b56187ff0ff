// What the folder's classes refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include <memory>

#include "media/filler.hpp"
#include "media/timeline.hpp"

namespace holdfast::media {
namespace {

TEST(MediaChecksDeathTest, ATimelineThatHasNotStarted) {
  const Timeline timeline;
  EXPECT_DEATH(static_cast<void>(timeline.at(Instant{})), "CHECK");
}

TEST(MediaChecksDeathTest, ATimelineThatDoesNotOutliveItsTracks) {
  EXPECT_DEATH(
      {
        auto timeline = std::make_unique<Timeline>();
        const TrackClock track(*timeline, 90'000);
        timeline.reset();
      },
      "CHECK");
}

TEST(MediaChecksDeathTest, AClockWithoutARate) {
  Timeline timeline;
  EXPECT_DEATH(TrackClock(timeline, 0), "CHECK");
}

TEST(MediaChecksDeathTest, AFrameThatEndsBeforeItBegins) {
  Filler filler(FillRule{}, 0, 0);
  EXPECT_DEATH(filler.handle_frame(0, -1, Picture::key), "CHECK");
}

}  // namespace
}  // namespace holdfast::media

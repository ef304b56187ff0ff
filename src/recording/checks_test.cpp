// What the folder's classes refuse to go on with: our own mistakes.

#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using RecordingChecksDeathTest = SessionTest;

TEST_F(RecordingChecksDeathTest, ASessionThatEndsTwice) {
  recorder().finish(journal::EndReason::stopped);
  EXPECT_DEATH(recorder().finish(journal::EndReason::stopped), "CHECK");
}

TEST_F(RecordingChecksDeathTest, ASessionOnTwoThreads) {
  session().handle_tick(clock.both(), recorder().out);
  EXPECT_DEBUG_DEATH(std::thread([&] { session().handle_tick(clock.both(), recorder().out); }).join(),
                     "CHECK");
}

}  // namespace
}  // namespace holdfast::recording

#include "base/check.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.hpp"

namespace holdfast {
namespace {

TEST(CheckDeathTest, SaysWhatDidNotHoldAndWhere) {
  const int answer = 41;
  CHECK(answer == 41);
  EXPECT_DEATH(CHECK(answer == 42), R"(check_test\.cpp:[0-9]+: CHECK\(answer == 42\) does not hold)");
}

TEST(CheckDeathTest, ARandomNumberBelowZero) {
  SeededRandom random(1);
  EXPECT_DEATH(random.below(0), "CHECK");
}

TEST(ThreadOwnerDeathTest, AnotherThreadMayNotUseIt) {
  const ThreadOwner owner;
  owner.check();
  owner.check();
  EXPECT_DEBUG_DEATH(std::thread([&] { owner.check(); }).join(), "CHECK");
}

TEST(ThreadOwnerDeathTest, UntilItIsReleased) {
  ThreadOwner owner;
  owner.check();
  owner.release();
  std::thread([&] { owner.check(); }).join();
  EXPECT_DEBUG_DEATH(owner.check(), "CHECK");
}

}  // namespace
}  // namespace holdfast

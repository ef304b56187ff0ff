// What the folder's functions refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include "journal/line.hpp"

namespace holdfast::journal {
namespace {

TEST(JournalChecksDeathTest, ALineWithoutANumber) {
  ByteVector out;
  const Entry entry{.number = 0, .wall = {}, .pts = 0, .event = MarkerEvent{"m"}};
  EXPECT_DEATH(serialize(entry, out), "CHECK");
}

}  // namespace
}  // namespace holdfast::journal

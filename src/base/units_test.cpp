#include "base/units.hpp"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

TEST(Units, durations_are_read_and_written) {
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("0"), 0s);
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(60s), "1m");
  EXPECT_EQ(format_duration(250ms), "250ms");
  for (const char* bad : {"", "5", "s", "-1s", "1x", "1s1s", "nan", "inf", "31d", "1e99s", "0x1s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Units, sizes_are_read_and_written) {
  EXPECT_EQ(parse_byte_size("4MiB")->bytes, 4U << 20);
  EXPECT_EQ(parse_byte_size("1.5 GB")->bytes, 1'500'000'000U);
  EXPECT_EQ(parse_byte_size("512")->bytes, 512U);
  EXPECT_EQ(format_byte_size(*parse_byte_size("1GiB")), "1GiB");
  for (const char* bad : {"", "MiB", "-1", "1 MIB", "1e30TB", "9999999TiB"})
    EXPECT_FALSE(parse_byte_size(bad)) << bad;
}

}  // namespace
}  // namespace holdfast

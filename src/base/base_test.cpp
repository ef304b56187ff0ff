#include <gtest/gtest.h>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

TEST(ByteReader, reading_past_the_end_gives_zero_and_stays_not_ok) {
  const std::uint8_t bytes[] = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read_u16(), 0x0102);
  EXPECT_EQ(reader.read_u32(), 0U);
  EXPECT_EQ(reader.read_u8(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteWriter, writes_what_the_reader_reads) {
  ByteVector bytes;
  ByteWriter writer(bytes);
  writer.write_u24(0x010203);
  writer.write_u64(0x0405060708090a0b);
  writer.patch_u16(0, 0xffee);
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read_u24(), 0xffee03U);
  EXPECT_EQ(reader.read_u64(), 0x0405060708090a0bU);
  EXPECT_TRUE(reader.ok());
}

TEST(Address, parses_and_prints_both_families) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1:8000")->to_string(), "127.0.0.1:8000");
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]:9")->to_string(), "[2001:db8::1]:9");
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  for (const char* bad : {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:70000", "::1:80", "a.b:1", "1.2.3.4:8x"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

TEST(Random, a_seed_replays) {
  SeededRandom one(7);
  SeededRandom two(7);
  EXPECT_EQ(one.next_u64(), two.next_u64());
  EXPECT_EQ(one.ice_string(24), two.ice_string(24));
  EXPECT_LT(one.below(10), 10U);
}

TEST(Time, formats_before_and_after_the_epoch) {
  EXPECT_EQ(format_compact(WallTime(1'700'000'000'250ms)), "20231114T221320.250Z");
  EXPECT_EQ(format_rfc3339(WallTime(-1ms)), "1969-12-31T23:59:59.999Z");
}

TEST(Time, is_read_back_from_what_was_written_and_from_nothing_else) {
  const WallTime time(1'700'000'000'250ms);
  EXPECT_EQ(parse_compact("20231114T221320.250Z"), time);
  EXPECT_EQ(parse_rfc3339("2023-11-14T22:13:20.250Z"), time);
  for (const char* wrong :
       {"", "2023-11-14T22:13:20.250", "2023-11-14T22:13:20.250Zz", "2023-13-14T22:13:20.250Z",
        "2023-02-30T22:13:20.250Z", "1969-12-31T23:59:59.999Z", "9999-01-01T00:00:00.000Z"}) {
    EXPECT_FALSE(parse_rfc3339(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace holdfast

#include "base/crc32c.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "base/random.hpp"

namespace holdfast {
namespace {

// RFC 3720 appendix B.4, where the bytes of the CRC are printed the other way round.
TEST(Crc32c, OfTheExamplesOfRfc3720) {
  EXPECT_EQ(crc32c(ByteVector(32, 0x00)), 0x8a91'36aaU);
  EXPECT_EQ(crc32c(ByteVector(32, 0xff)), 0x62a8'ab43U);
  ByteVector rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  EXPECT_EQ(crc32c(rising), 0x46dd'794eU);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe306'9283U);
  EXPECT_EQ(crc32c(Bytes()), 0U);
}

TEST(Crc32c, GoesOnWhereverItWasCut) {
  SeededRandom random(1);
  ByteVector bytes(1000);
  random.fill(bytes);
  const std::uint32_t whole = crc32c(bytes);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(crc32c(crc32c(Bytes(bytes).first(cut)), Bytes(bytes).subspan(cut)), whole) << "cut at " << cut;
  }
}

TEST(Crc32c, IsWrittenWithAllItsDigits) {
  EXPECT_EQ(format_crc32c(0), "00000000");
  EXPECT_EQ(format_crc32c(0xab), "000000ab");
}

}  // namespace
}  // namespace holdfast

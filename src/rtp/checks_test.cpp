// What the folder's classes refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include <array>

#include "rtp/packet.hpp"
#include "rtp/packet_pool.hpp"
#include "rtp/send_history.hpp"

namespace holdfast::rtp {
namespace {

TEST(RtpChecksDeathTest, APlaceThatIsGivenBackTwice) {
  EXPECT_DEATH(
      {
        PacketPool pool(2);
        auto handle = pool.acquire();
        handle.get_deleter()(handle.get());
        handle.reset();
      },
      "CHECK");
}

TEST(RtpChecksDeathTest, APoolThatDoesNotOutliveItsHandles) {
  EXPECT_DEATH(
      {
        PacketPool::Handle handle;
        PacketPool pool(2);
        handle = pool.acquire();
        pool.~PacketPool();
      },
      "CHECK");
}

TEST(RtpChecksDeathTest, AHistoryWhoseSizeIsNoPowerOfTwo) {
  EXPECT_DEATH(SendHistory(1000), "CHECK");
  EXPECT_DEATH(SendHistory(std::size_t{1} << 16), "CHECK");
}

TEST(RtpChecksDeathTest, AHistoryOfLessThanAHeader) {
  SendHistory history(16);
  const std::array<std::uint8_t, 11> half{};
  EXPECT_DEATH(history.store(half), "CHECK");
}

TEST(RtpChecksDeathTest, AHeaderWithoutRoom) {
  std::array<std::uint8_t, 11> small{};
  EXPECT_DEATH(serialize_header(Packet{}, small), "CHECK");
}

TEST(RtpChecksDeathTest, APayloadTypeOfMoreThanSevenBits) {
  std::array<std::uint8_t, 12> out{};
  Packet packet;
  packet.payload_type = PayloadType(128);
  EXPECT_DEATH(serialize_header(packet, out), "CHECK");
}

}  // namespace
}  // namespace holdfast::rtp

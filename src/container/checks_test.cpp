// What the folder's classes refuse to go on with: our own mistakes.

#include <gtest/gtest.h>

#include "container/ts_packet.hpp"

namespace holdfast::container {
namespace {

TEST(ContainerChecksDeathTest, APidOfMoreThan13Bits) {
  EXPECT_DEATH(ts::PacketWriter(ts::Pid(0x2000)), "CHECK");
}

TEST(ContainerChecksDeathTest, AnEmptyPesPacket) {
  ts::PacketWriter writer(ts::Pid(0x100));
  ByteVector out;
  EXPECT_DEATH(writer.write_pes({}, {}, {}, out), "CHECK");
}

TEST(ContainerChecksDeathTest, ASectionThatDoesNotFitIntoAPacket) {
  ts::PacketWriter writer(ts::Pid(0x100));
  ByteVector out;
  const ByteVector section(184);
  EXPECT_DEATH(writer.write_section(section, out), "CHECK");
}

}  // namespace
}  // namespace holdfast::container

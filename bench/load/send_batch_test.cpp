#include "load/send_batch.hpp"

#include <gmock/gmock.h>

namespace holdfast::bench {
namespace {

using testing::ElementsAre;

class SendBatchTest : public testing::Test {
 protected:
  void send(std::size_t size, std::uint16_t port = 1) {
    batch_.send({IpAddress::from_v4(127, 0, 0, 1), port}, ByteVector(size));
  }
  std::vector<std::size_t> counts() {
    std::vector<std::size_t> counts;
    for (const SendBatch::Run& run : batch_.runs()) counts.push_back(run.count);
    return counts;
  }
  SendBatch batch_;
};

TEST_F(SendBatchTest, AFrameIsOneRunWhoseLastPacketMayBeShorter) {
  send(1200);
  send(1200);
  send(300);
  EXPECT_THAT(counts(), ElementsAre(3));
  EXPECT_EQ(batch_.runs()[0].segment, 1200u);
  EXPECT_EQ(batch_.runs()[0].size, 2700u);
}

TEST_F(SendBatchTest, AfterAShorterOneAndForALongerOneARunBegins) {
  send(1200);
  send(300);
  send(300);
  send(301);
  EXPECT_THAT(counts(), ElementsAre(2, 1, 1));
}

TEST_F(SendBatchTest, ARunHasOneDestination) {
  send(1200, 1);
  send(1200, 2);
  EXPECT_THAT(counts(), ElementsAre(1, 1));
}

TEST_F(SendBatchTest, ARunIsNoLongerThanTheKernelTakes) {
  for (int i = 0; i < 100; ++i) send(100);
  EXPECT_THAT(counts(), ElementsAre(60, 40));
  for (int i = 0; i < 60; ++i) send(1200);
  EXPECT_THAT(counts(), ElementsAre(60, 40, 53, 7));
}

}  // namespace
}  // namespace holdfast::bench

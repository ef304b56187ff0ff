#include "rtp/key_frame_requests.hpp"

#include <gtest/gtest.h>

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

class KeyFrameRequestsTest : public testing::Test {
 protected:
  Instant at(Duration since_start) const { return start_ + since_start; }
  Instant due(Holes holes = Holes::none) const { return requests_.due(holes); }

  Instant start_ = Instant(1h);
  KeyFrameRequests requests_{4s};
};

TEST_F(KeyFrameRequestsTest, NothingIsAskedBeforeMediaComes) {
  EXPECT_EQ(due(), never);
}

TEST_F(KeyFrameRequestsTest, AStreamThatBeginsWithoutKeyFrameIsAskedMoreAndMoreSeldom) {
  requests_.handle_packet(start_);
  EXPECT_EQ(due(), at(500ms));
  requests_.handle_sent(at(500ms));
  EXPECT_EQ(due(), at(1000ms));
  requests_.handle_sent(at(1000ms));
  EXPECT_EQ(due(), at(2000ms));
  requests_.handle_sent(at(2000ms));
  EXPECT_EQ(due(), at(4000ms));
  requests_.handle_sent(at(4000ms));
  EXPECT_EQ(due(), at(6000ms));
  requests_.handle_key_frame(at(6100ms));
  EXPECT_EQ(due(), never);
}

TEST_F(KeyFrameRequestsTest, ALossAsksAtOnceButNotTwiceInASecond) {
  requests_.handle_packet(start_);
  requests_.handle_key_frame(at(10ms));
  requests_.handle_loss(at(1s));
  EXPECT_EQ(due(Holes::open), at(1s));
  requests_.handle_sent(at(1s));
  requests_.handle_key_frame(at(1200ms));
  requests_.handle_loss(at(1300ms));
  EXPECT_EQ(due(), at(2200ms));
  requests_.handle_sent(at(2200ms));
  requests_.handle_loss(at(2300ms));
  EXPECT_EQ(due(), at(3400ms));
}

TEST_F(KeyFrameRequestsTest, OneIsAskedForByTimeWhileMediaFlowsAndNoHoleIsOpen) {
  requests_.handle_packet(start_);
  requests_.handle_key_frame(at(10ms));
  EXPECT_EQ(due(), never);
  requests_.handle_packet(at(20ms));
  EXPECT_EQ(due(), at(4010ms));
  EXPECT_EQ(due(Holes::open), never);
  requests_.handle_sent(at(4010ms));
  EXPECT_EQ(due(), never);
  requests_.handle_packet(at(4020ms));
  EXPECT_EQ(due(), at(6010ms));
}

TEST_F(KeyFrameRequestsTest, AnIntervalOfZeroMeansNever) {
  KeyFrameRequests requests(0s);
  requests.handle_packet(start_);
  requests.handle_key_frame(at(10ms));
  requests.handle_packet(at(1h));
  EXPECT_EQ(requests.due(Holes::none), never);
}

}  // namespace
}  // namespace holdfast::rtp

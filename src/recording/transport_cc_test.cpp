#include "recording/forwarder_test.hpp"

namespace holdfast::recording {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class TransportCcTest : public ForwarderTest {
 protected:
  void connect() {
    video_ = &server_.add_video("TR_video", sdp::h264_codec());
    ForwarderTest::connect();
  }
  void play(int packets) {
    static constexpr std::array<std::uint8_t, 3> slice{0x41, 0x9a, 0x02};
    for (int i = 0; i < packets; ++i) {
      video_->forward(clock.now(), slice, static_cast<std::uint32_t>(i) * 900, true);
      run_for(10ms);
    }
    run_for(500ms);
  }

  sim::SimDowntrack* video_ = nullptr;
};

TEST_F(TransportCcTest, EveryPacketIsReportedWhereItWasNegotiated) {
  server_.use_transport_cc();
  connect();
  EXPECT_THAT(answer_, HasSubstr("a=rtcp-fb:102 transport-cc"));
  EXPECT_THAT(answer_, HasSubstr(std::string(sdp::transport_cc_uri)));
  play(300);
  const auto& feedback = server_.received().transport_feedback;
  EXPECT_GE(feedback.size(), 25u);
  EXPECT_LE(feedback.size(), 35u);
  std::size_t reported = 0;
  for (const ByteVector& message : feedback) {
    ASSERT_GE(message.size(), 20u);
    EXPECT_EQ(load_u32(&message[8]), video_->ssrc().value());
    EXPECT_EQ(load_u16(&message[12]), reported);
    reported += load_u16(&message[14]);
  }
  EXPECT_EQ(reported, 300u);
}

TEST_F(TransportCcTest, NothingIsReportedWhereItWasNot) {
  connect();
  EXPECT_THAT(answer_, Not(HasSubstr("transport-cc")));
  EXPECT_THAT(answer_, Not(HasSubstr("goog-remb")));
  play(100);
  EXPECT_THAT(server_.received().transport_feedback, IsEmpty());
}

}  // namespace
}  // namespace holdfast::recording

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sdp/negotiation.hpp"

namespace holdfast::sdp {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

LocalTransport side(const std::string& name) {
  return {.session_id = 1,
          .session_version = 1,
          .ice_ufrag = name + "Ufrag",
          .ice_pwd = name + "PasswordPasswordPassword",
          .fingerprint = "sha-256 AB:CD",
          .candidates = {"candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"}};
}

OfferedTrack camera() {
  return {.kind = Kind::video,
          .mid = "0",
          .msid = {"stream", "camera"},
          .cname = "publisher",
          .ssrc = Ssrc(10),
          .rtx = Ssrc(11),
          .codecs = {h264_codec(), rtx_codec(h264_codec()), vp8_codec(), rtx_codec(vp8_codec())}};
}

OfferedTrack microphone() {
  return {.kind = Kind::audio,
          .mid = "1",
          .msid = {"stream", "microphone"},
          .cname = "publisher",
          .ssrc = Ssrc(20),
          .rtx = std::nullopt,
          .codecs = {opus_codec()}};
}

SessionDescription offer() {
  return make_offer({camera(), microphone()}, side("publisher"));
}

Answer answer_to(const SessionDescription& offered, const AnswerPolicy& policy = {}) {
  return make_answer(offered, policy, side("recorder")).value();
}

TEST(Offer, IsSendonlyBundledAndActpass) {
  EXPECT_EQ(
      serialize(offer()),
      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
      "a=group:BUNDLE 0 1\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97\r\nc=IN IP4 0.0.0.0\r\n"
      "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host\r\na=end-of-candidates\r\n"
      "a=ice-ufrag:publisherUfrag\r\na=ice-pwd:publisherPasswordPasswordPassword\r\na=ice-options:trickle\r\n"
      "a=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\n"
      "a=mid:0\r\na=sendonly\r\na=msid:stream camera\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
      "a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 ccm fir\r\n"
      "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
      "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"
      "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n"
      "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
      "a=ssrc-group:FID 10 11\r\na=ssrc:10 cname:publisher\r\na=ssrc:11 cname:publisher\r\n"
      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
      "a=ice-ufrag:publisherUfrag\r\na=ice-pwd:publisherPasswordPasswordPassword\r\na=ice-options:trickle\r\n"
      "a=fingerprint:sha-256 AB:CD\r\na=setup:actpass\r\n"
      "a=mid:1\r\na=sendonly\r\na=msid:stream microphone\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
      "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
      "a=ssrc:20 cname:publisher\r\n");
}

TEST(Offer, OurOwnAnswererTakesItAndWeReadTheAnswer) {
  const Answer answer = answer_to(offer());
  EXPECT_EQ(answer.sections[0].sources, (std::vector<Source>{{Ssrc(10), Ssrc(11), "publisher"}}));
  const auto accepted = read_answer(offer(), answer.description);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  EXPECT_EQ(accepted->setup, Setup::passive);
  EXPECT_EQ(accepted->remote.transport.ice_ufrag, "recorderUfrag");
  ASSERT_THAT(accepted->sections, SizeIs(2));
  EXPECT_EQ(accepted->sections[0].direction, Direction::sendonly);
  EXPECT_EQ(accepted->sections[0].codecs[0].name, "h264");
  EXPECT_EQ(accepted->sections[0].codecs[0].rtx, PayloadType(103));
  EXPECT_EQ(accepted->sections[0].sources, answer.sections[0].sources);
  EXPECT_EQ(accepted->sections[1].codecs[0].name, "opus");
}

TEST(Offer, ADataChannelAloneIsTaken) {
  OfferedTrack channel;
  channel.kind = Kind::application;
  channel.mid = "0";
  const auto offered = make_offer({channel}, side("publisher"));
  const auto accepted = read_answer(offered, answer_to(offered).description);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  EXPECT_EQ(accepted->sections[0].rejection, "");
}

TEST(Offer, TheMLineOfATrackThatEndedIsInactive) {
  OfferedTrack ended = camera();
  ended.direction = Direction::inactive;
  const auto offered = make_offer({ended, microphone()}, side("publisher"));
  EXPECT_FALSE(offered.media[0].msid.has_value());
  EXPECT_TRUE(offered.media[0].ssrcs.empty());
  const auto accepted = read_answer(offered, answer_to(offered).description);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  EXPECT_EQ(accepted->sections[0].direction, Direction::inactive);
  EXPECT_EQ(accepted->sections[1].direction, Direction::sendonly);
}

TEST(Offer, CodecsTheOtherSideLeftOutAreReported) {
  const auto accepted = read_answer(offer(), answer_to(offer(), {.codecs = {"vp8"}}).description);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  EXPECT_EQ(accepted->sections[0].codecs[0].name, "vp8");
  EXPECT_THAT(accepted->sections[0].rejected_codecs, ElementsAre("H264"));
  EXPECT_EQ(accepted->sections[1].rejection, "refused by the other side");
}

TEST(Offer, AnAnswerThatTakesNothingIsARefusal) {
  SessionDescription answer = answer_to(offer()).description;
  for (MediaDescription& media : answer.media) media.port = 0;
  const auto accepted = read_answer(offer(), answer);
  ASSERT_FALSE(accepted.has_value());
  EXPECT_EQ(accepted.error().code, ErrorCode::refused);
}

TEST(Offer, AnAnswerMustMirrorTheOffer) {
  SessionDescription swapped = answer_to(offer()).description;
  std::swap(swapped.media[0], swapped.media[1]);
  EXPECT_EQ(read_answer(offer(), swapped).error().code, ErrorCode::invalid);
  SessionDescription shorter = answer_to(offer()).description;
  shorter.media.pop_back();
  EXPECT_EQ(read_answer(offer(), shorter).error().code, ErrorCode::invalid);
  SessionDescription undecided = answer_to(offer()).description;
  undecided.media[0].transport.setup = Setup::actpass;
  EXPECT_EQ(read_answer(offer(), undecided).error().code, ErrorCode::invalid);
}

TEST(Offer, AnInactiveAnswerSendsNothing) {
  SessionDescription answer = answer_to(offer()).description;
  answer.media[0].direction = Direction::inactive;
  EXPECT_EQ(read_answer(offer(), answer)->sections[0].direction, Direction::inactive);
}

}  // namespace
}  // namespace holdfast::sdp

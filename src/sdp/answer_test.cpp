#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "sdp/negotiation.hpp"
#include "sdp/test_offers.hpp"

namespace holdfast::sdp {
namespace {

using ::testing::AllOf;
using testing::browser_whip;
using ::testing::ElementsAre;
using testing::gstreamer_whip;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::livekit_first;
using testing::livekit_second;
using ::testing::Not;
using ::testing::SizeIs;

const LocalTransport local = {.session_id = 7,
                              .session_version = 2,
                              .ice_ufrag = "ourUfrag",
                              .ice_pwd = "ourPasswordourPassword",
                              .fingerprint = "sha-256 FF:EE",
                              .candidates = {"candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host"}};

Result<Answer> answer_to(std::string_view offer, const AnswerPolicy& policy = {}) {
  const auto parsed = parse(offer);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return make_answer(parsed.value_or(SessionDescription{}), policy, local);
}

Answer must_answer(std::string_view offer, const AnswerPolicy& policy = {}) {
  auto answer = answer_to(offer, policy);
  EXPECT_TRUE(answer.has_value()) << answer.error().message;
  return answer.value_or(Answer{});
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::vector<int> payload_types(const MediaDescription& media) {
  std::vector<int> numbers;
  for (const Codec& codec : media.codecs) numbers.push_back(codec.payload_type.value());
  return numbers;
}

TEST(Answer, ADataOnlyOfferIsAcceptedSoThatTheConnectionComesUp) {
  const Answer answer = must_answer(livekit_first);
  EXPECT_EQ(serialize(answer.description),
            "v=0\r\n"
            "o=- 7 2 IN IP4 127.0.0.1\r\n"
            "s=-\r\n"
            "t=0 0\r\n"
            "a=group:BUNDLE 0\r\n"
            "a=extmap-allow-mixed\r\n"
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            "c=IN IP4 0.0.0.0\r\n"
            "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host\r\n"
            "a=end-of-candidates\r\n"
            "a=ice-ufrag:ourUfrag\r\n"
            "a=ice-pwd:ourPasswordourPassword\r\n"
            "a=ice-options:trickle\r\n"
            "a=fingerprint:sha-256 FF:EE\r\n"
            "a=setup:active\r\n"
            "a=mid:0\r\n"
            "a=sctp-port:5000\r\n"
            "a=max-message-size:65535\r\n");
  EXPECT_EQ(answer.remote.transport.ice_ufrag, "livekitUfragAAAA");
  EXPECT_FALSE(answer.remote.ice_lite);
  EXPECT_EQ(answer.sections[0].kind, Kind::application);
}

TEST(Answer, KeepsEveryMLineInItsPlaceWithItsMid) {
  const Answer answer = must_answer(livekit_second);
  ASSERT_THAT(answer.description.media, SizeIs(4));
  EXPECT_THAT(answer.description.bundles, ElementsAre(ElementsAre("0", "1", "2", "3")));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(answer.description.media[i].mid, std::to_string(i));
    EXPECT_EQ(answer.description.media[i].port, 9);
    EXPECT_EQ(answer.description.media[i].transport.ice_ufrag, "ourUfrag");
    EXPECT_EQ(answer.description.media[i].transport.candidates.size(), i == 0 ? 1u : 0u);
  }
}

TEST(Answer, TakesEveryPayloadTypeOfTheCodecsWeKnowWithItsRtx) {
  const Answer answer = must_answer(livekit_second);
  EXPECT_THAT(payload_types(answer.description.media[1]), ElementsAre(96, 97, 125, 126, 108, 109));
  EXPECT_THAT(payload_types(answer.description.media[2]), ElementsAre(111));
  const MediaSection& video = answer.sections[1];
  ASSERT_THAT(video.codecs, SizeIs(3));
  EXPECT_EQ(video.codecs[0].name, "vp8");
  EXPECT_EQ(video.find_codec(PayloadType(125))->name, "h264");
  EXPECT_EQ(video.find_codec(PayloadType(108))->rtx, PayloadType(109));
  EXPECT_EQ(video.find_codec(PayloadType(98)), nullptr);
  EXPECT_THAT(video.rejected_codecs, ElementsAre("VP9", "AV1"));
  EXPECT_THAT(answer.sections[2].rejected_codecs, ElementsAre("red", "PCMU", "PCMA"));
}

TEST(Answer, TakesRedWhereOpusComesWithoutNack) {
  const std::string without_nack = replaced(livekit_second, "a=rtcp-fb:111 nack\n", "");
  const Answer answer = must_answer(without_nack);
  EXPECT_THAT(payload_types(answer.description.media[2]), ElementsAre(63, 111));
  EXPECT_EQ(answer.sections[2].find_codec(PayloadType(63))->name, "red");
  AnswerPolicy policy;
  policy.red = Red::never;
  EXPECT_THAT(payload_types(must_answer(without_nack, policy).description.media[2]), ElementsAre(111));
}

TEST(Answer, KeepsNackPliAndFirAndNothingElse) {
  const std::string text = serialize(must_answer(livekit_second).description);
  EXPECT_THAT(text, AllOf(HasSubstr("a=rtcp-fb:108 nack\r\n"), HasSubstr("a=rtcp-fb:108 nack pli\r\n"),
                          HasSubstr("a=rtcp-fb:108 ccm fir\r\n"), HasSubstr("a=rtcp-fb:111 nack\r\n")));
  EXPECT_THAT(text, Not(HasSubstr("goog-remb")));
  EXPECT_THAT(text, Not(HasSubstr("transport-cc")));
  EXPECT_THAT(text, Not(HasSubstr("extmap:")));
}

TEST(Answer, TakesTransportCcOnlyWhenThePolicySaysSo) {
  const Answer answer = must_answer(livekit_second, {.transport_cc = TransportCc::on});
  ASSERT_THAT(answer.sections[1].extensions, SizeIs(1));
  EXPECT_EQ(answer.sections[1].extensions[0].id, 3);
  EXPECT_THAT(answer.sections[2].extensions, IsEmpty());
  EXPECT_THAT(serialize(answer.description),
              AllOf(HasSubstr("a=rtcp-fb:108 transport-cc\r\n"), HasSubstr("a=extmap:3 http")));
}

TEST(Answer, NamesTrackStreamAndSources) {
  const Answer answer = must_answer(livekit_second);
  EXPECT_EQ(answer.sections[1].track_id, "TR_camera");
  EXPECT_EQ(answer.sections[1].stream_id, "PA_alice|TR_camera");
  EXPECT_THAT(answer.sections[1].sources, ElementsAre(Source{Ssrc(1111), Ssrc(2222), "PA_alice|TR_camera"}));
  EXPECT_THAT(answer.sections[2].sources, ElementsAre(Source{Ssrc(3333), std::nullopt, "PA_alice|TR_mic"}));
  EXPECT_EQ(answer.sections[2].kind, Kind::audio);
}

TEST(Answer, ReceivesWhatIsSentAndLeavesEndedTracksInactive) {
  const Answer answer = must_answer(livekit_second);
  EXPECT_EQ(answer.description.media[1].direction, Direction::recvonly);
  EXPECT_EQ(answer.sections[1].direction, Direction::recvonly);
  EXPECT_EQ(answer.description.media[3].direction, Direction::inactive);
  EXPECT_EQ(answer.sections[3].direction, Direction::inactive);
  EXPECT_EQ(answer.sections[3].track_id, "");
  EXPECT_EQ(answer.sections[3].rejection, "");
}

TEST(Answer, AsksForStereoWhenStereoIsSent) {
  const Answer answer = must_answer(livekit_second);
  EXPECT_EQ(answer.description.media[2].codecs[0].fmtp, "minptime=10;useinbandfec=1;sprop-stereo=1;stereo=1");
}

TEST(Answer, TheOrderOfPayloadTypesMeansNothing) {
  const std::string shuffled =
      replaced(livekit_second, "109 96 125 97 108 126 98 99 35 36", "36 35 126 109 108 99 125 98 97 96");
  const MediaSection before = must_answer(livekit_second).sections[1];
  const MediaSection after = must_answer(shuffled).sections[1];
  for (const NegotiatedCodec& codec : before.codecs) EXPECT_EQ(*after.find_codec(codec.payload_type), codec);
}

TEST(Answer, AMediaLineWithoutACodecWeTakeIsRefusedAndLeavesTheBundle) {
  const Answer answer = must_answer(livekit_second, {.codecs = {"h264", "vp8"}});
  EXPECT_EQ(answer.description.media[2].port, 0);
  EXPECT_EQ(answer.description.media[2].mid, "2");
  EXPECT_THAT(answer.description.bundles, ElementsAre(ElementsAre("0", "1", "3")));
  EXPECT_EQ(answer.sections[2].rejection, "none of its codecs is supported: red, opus, PCMU, PCMA");
  EXPECT_EQ(answer.sections[2].direction, Direction::inactive);
  EXPECT_TRUE(parse(serialize(answer.description)).has_value());
}

TEST(Answer, AnOfferWithNothingToTakeIsAnErrorThatSaysWhy) {
  const auto answer = answer_to(browser_whip, {.codecs = {"h265"}});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::unsupported);
  EXPECT_THAT(answer.error().message, AllOf(HasSubstr("audio: none of its codecs"),
                                            HasSubstr("video: none of its codecs"), HasSubstr("AV1")));
}

TEST(Answer, ABrowserGetsBothItsTracks) {
  const Answer answer = must_answer(browser_whip, {.setup = Setup::passive});
  EXPECT_EQ(answer.setup, Setup::passive);
  EXPECT_THAT(payload_types(answer.description.media[0]), ElementsAre(111, 63));
  EXPECT_THAT(payload_types(answer.description.media[1]), ElementsAre(96, 97, 102, 103, 39, 40));
  EXPECT_THAT(answer.sections[1].sources,
              ElementsAre(Source{Ssrc(4250521218), Ssrc(2671923814), "4TOk42mSjXCkVIa6"}));
  EXPECT_THAT(serialize(answer.description), Not(HasSubstr("simulcast")));
}

TEST(Answer, AnActiveOffererGetsAPassiveAnswer) {
  const Answer answer = must_answer(gstreamer_whip);
  EXPECT_EQ(answer.setup, Setup::passive);
  EXPECT_EQ(answer.sections[0].track_id, "webrtctransceiver0");
  EXPECT_EQ(answer.sections[1].codecs[0].name, "opus");
  EXPECT_THAT(answer.sections[1].sources, IsEmpty());
}

TEST(Answer, APassiveOffererGetsAnActiveAnswerAndHoldconnNone) {
  EXPECT_EQ(must_answer(replaced(livekit_second, "setup:actpass", "setup:passive"), {.setup = Setup::passive})
                .setup,
            Setup::active);
  EXPECT_FALSE(answer_to(replaced(livekit_second, "setup:actpass", "setup:holdconn")).has_value());
}

TEST(Answer, ALiteOffererIsSeen) {
  EXPECT_TRUE(must_answer(replaced(livekit_first, "a=extmap-allow-mixed", "a=ice-lite")).remote.ice_lite);
}

TEST(Answer, OneTransportCarriesAllSoOthersAreRefused) {
  const Answer outside = must_answer(replaced(livekit_second, "BUNDLE 0 1 2 3", "BUNDLE 0 1 2"));
  EXPECT_EQ(outside.sections[3].rejection, "outside the BUNDLE group");
  const Answer unbundled = must_answer(replaced(browser_whip, "a=group:BUNDLE 0 1\n", ""));
  EXPECT_EQ(unbundled.description.media[0].port, 9);
  EXPECT_EQ(unbundled.description.media[1].port, 0);
  EXPECT_THAT(unbundled.description.bundles, IsEmpty());
}

TEST(Answer, RefusesWhatIsPlainOrUnmultiplexedOrStrange) {
  EXPECT_EQ(must_answer(replaced(livekit_second, "a=rtcp-mux\n", "")).sections[1].rejection,
            "it has no rtcp-mux");
  EXPECT_EQ(must_answer(replaced(livekit_second, "UDP/TLS/RTP/SAVPF", "RTP/AVP")).sections[1].rejection,
            "RTP/AVP is not encrypted");
  EXPECT_EQ(must_answer(replaced(livekit_second, "m=audio", "m=text")).sections[2].rejection,
            "text over UDP/TLS/RTP/SAVPF is not supported");
  EXPECT_EQ(must_answer(replaced(livekit_second, "m=audio 9", "m=audio 0")).sections[2].rejection,
            "rejected by the offerer itself");
}

TEST(Answer, ABundleOnlyLineIsNotARejectedOne) {
  const std::string offer =
      replaced(replaced(livekit_second, "m=audio 9", "m=audio 0"), "a=mid:2", "a=mid:2\na=bundle-only");
  EXPECT_EQ(must_answer(offer).sections[2].rejection, "");
}

TEST(Answer, InterleavedH264IsLeftOut) {
  const Answer answer = must_answer(replaced(livekit_second, "packetization-mode=0", "packetization-mode=2"));
  EXPECT_EQ(answer.sections[1].find_codec(PayloadType(125)), nullptr);
  EXPECT_THAT(answer.sections[1].rejected_codecs, ElementsAre("H264", "VP9", "AV1"));
}

TEST(Answer, AnOfferWithoutKeysOrLinesIsInvalid) {
  for (const std::string& offer :
       {replaced(livekit_first, "a=ice-ufrag:livekitUfragAAAA\n", ""),
        replaced(livekit_first, "a=fingerprint:", "a=x:"), replaced(livekit_first, "a=ice-pwd:", "a=y:"),
        replaced(livekit_first, "livekitUfragAAAA", "abc"),
        replaced(livekit_first, "livekitPasswordlivekitPassword01", "short"),
        livekit_first.substr(0, livekit_first.find("m="))}) {
    const auto answer = answer_to(offer);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, ErrorCode::invalid);
  }
}

TEST(Answer, DamagedOffersNeverCrashAndAnswersAlwaysParse) {
  constexpr std::uint64_t seed = 42;
  SCOPED_TRACE(seed);
  SeededRandom random(seed);
  int answered = 0;
  for (int run = 0; run < 2'000; ++run) {
    std::string text = livekit_second;
    for (std::uint64_t edits = random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(text.size());
      random.below(2) == 0 ? void(text[at] = " :;/=\n0129a"[random.below(11)])
                           : void(text.erase(at, random.below(30)));
    }
    const auto offer = parse(text);
    if (!offer) continue;
    const auto answer = make_answer(*offer, {}, local);
    if (!answer) continue;
    ++answered;
    const auto again = parse(serialize(answer->description));
    ASSERT_TRUE(again.has_value()) << again.error().message;
    ASSERT_EQ(again->media.size(), offer->media.size());
  }
  EXPECT_GT(answered, 200);
}

}  // namespace
}  // namespace holdfast::sdp

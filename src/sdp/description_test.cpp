#include "sdp/description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "sdp/test_offers.hpp"

namespace holdfast::sdp {
namespace {

using testing::browser_whip;
using ::testing::ElementsAre;
using testing::gstreamer_whip;
using ::testing::HasSubstr;
using testing::livekit_first;
using testing::livekit_second;
using ::testing::SizeIs;

SessionDescription must_parse(std::string_view text) {
  auto description = parse(text);
  EXPECT_TRUE(description.has_value()) << description.error().message;
  return description.value_or(SessionDescription{});
}

std::string error_of(std::string_view text) {
  const auto description = parse(text);
  return description ? "" : description.error().message;
}

const std::string head = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const std::string video = head + "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n";

TEST(Description, ReadsTheDataOnlyOfferOfALiveKitServer) {
  const auto description = must_parse(livekit_first);
  ASSERT_THAT(description.media, SizeIs(1));
  const MediaDescription& media = description.media[0];
  EXPECT_TRUE(media.is_data_channel());
  EXPECT_FALSE(media.is_rtp());
  EXPECT_EQ(media.mid, "0");
  EXPECT_EQ(media.sctp_port, 5000u);
  EXPECT_EQ(media.max_message_size, 65535u);
  EXPECT_EQ(media.transport.ice_ufrag, "livekitUfragAAAA");
  EXPECT_EQ(media.transport.setup, Setup::actpass);
  EXPECT_THAT(media.transport.fingerprints, ElementsAre(std::string(testing::fingerprint)));
  EXPECT_THAT(description.bundles, ElementsAre(ElementsAre("0")));
  EXPECT_TRUE(description.extmap_allow_mixed);
}

TEST(Description, ReadsCodecsInTheOrderOfTheMLine) {
  const auto description = must_parse(livekit_second);
  const MediaDescription& media = description.media[1];
  ASSERT_THAT(media.codecs, SizeIs(10));
  EXPECT_EQ(media.codecs[0].encoding, "rtx");
  EXPECT_EQ(media.codecs[1].payload_type, PayloadType(96));
  const Codec* h264 = media.find_codec(PayloadType(108));
  ASSERT_NE(h264, nullptr);
  EXPECT_EQ(h264->clock_rate, 90'000u);
  EXPECT_EQ(fmtp_parameter(h264->fmtp, "packetization-mode"), "1");
  EXPECT_THAT(h264->feedback, ElementsAre("ccm fir", "nack", "nack pli", "goog-remb", "transport-cc"));
  EXPECT_EQ(description.media[2].find_codec(PayloadType(111))->channels, 2u);
}

TEST(Description, ReadsSourcesGroupsAndMsid) {
  const MediaDescription media = must_parse(livekit_second).media[1];
  EXPECT_EQ(media.msid, (Msid{"PA_alice|TR_camera", "TR_camera"}));
  ASSERT_THAT(media.ssrcs, SizeIs(2));
  EXPECT_EQ(media.ssrcs[0].cname, "PA_alice|TR_camera");
  EXPECT_THAT(media.ssrc_groups, ElementsAre(SsrcGroup{"FID", {Ssrc(1111), Ssrc(2222)}}));
  EXPECT_THAT(media.extensions, SizeIs(3));
  EXPECT_EQ(media.direction, Direction::sendrecv);
}

TEST(Description, KeepsCandidatesAsTheyAreWritten) {
  const Transport transport = must_parse(livekit_second).media[0].transport;
  ASSERT_THAT(transport.candidates, SizeIs(3));
  EXPECT_EQ(transport.candidates[0],
            "candidate:233762139 1 udp 2130706431 192.0.2.7 7882 typ host ufrag livekitUfragAAAA");
  EXPECT_TRUE(transport.end_of_candidates);
}

TEST(Description, HandsSessionValuesDownToEachMLine) {
  const auto description = must_parse(gstreamer_whip);
  for (const MediaDescription& media : description.media) {
    EXPECT_EQ(media.transport.ice_ufrag, "gstUfrag");
    EXPECT_EQ(media.transport.setup, Setup::active);
    EXPECT_THAT(media.transport.fingerprints, SizeIs(1));
  }
  const auto quiet = must_parse(
      head +
      "a=inactive\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=sendonly\r\n");
  EXPECT_EQ(quiet.media[0].direction, Direction::inactive);
  EXPECT_EQ(quiet.media[1].direction, Direction::sendonly);
}

TEST(Description, FeedbackForAllPayloadTypesReachesEach) {
  const MediaDescription media = must_parse(gstreamer_whip).media[0];
  EXPECT_THAT(media.codecs[0].feedback, ElementsAre("nack pli", "nack"));
}

TEST(Description, KeepsAttributesItDoesNotKnow) {
  const auto description = must_parse(browser_whip);
  EXPECT_THAT(description.other, ElementsAre(Attribute{"msid-semantic", " WMS 5f2c0e2a-stream"}));
  EXPECT_THAT(description.media[1].other,
              ElementsAre(Attribute{"rtcp", "9 IN IP4 0.0.0.0"}, Attribute{"rid", "hi send"},
                          Attribute{"simulcast", "send hi"}));
}

class RoundTrip : public ::testing::TestWithParam<std::string> {};
TEST_P(RoundTrip, WritingAndReadingGivesTheSame) {
  const auto description = must_parse(GetParam());
  EXPECT_EQ(must_parse(serialize(description)), description);
}
INSTANTIATE_TEST_SUITE_P(Offers, RoundTrip,
                         ::testing::Values(livekit_first, livekit_second, browser_whip, gstreamer_whip));

TEST(Description, WritesLinesThatEndInCrlf) {
  const std::string text = serialize(must_parse(livekit_first));
  EXPECT_TRUE(
      text.starts_with("v=0\r\no=- 4215775240449105457 1700000000 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n"));
}

TEST(Description, AnErrorNamesTheLine) {
  EXPECT_THAT(error_of(video + "a=rtpmap:96 VP8\r\n"), HasSubstr("line 6: cannot read \"a=rtpmap:96 VP8\""));
}

TEST(Description, RefusesWhatItKnowsButCannotRead) {
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of("v=1\r\n"), "");
  EXPECT_NE(error_of("v=0\r\no=- x 1 IN IP4 0\r\n"), "");
  for (const std::string_view line : {"nonsense",
                                      "a",
                                      "a=",
                                      "a=:x",
                                      "a=setup:sometimes",
                                      "a=mid:",
                                      "a=ice-ufrag:",
                                      "a=fmtp:x y",
                                      "a=fmtp:96",
                                      "a=rtpmap:300 VP8/90000",
                                      "a=rtpmap:96 VP8/x",
                                      "a=rtpmap:96 /1",
                                      "a=rtpmap:96 opus/1/x",
                                      "a=extmap:0 u",
                                      "a=extmap:1",
                                      "a=ssrc:x cname:y",
                                      "a=ssrc:4294967296 cname:y",
                                      "a=ssrc-group:FID x",
                                      "a=sctp-port:-1",
                                      "a=max-message-size:x",
                                      "m=video",
                                      "m=video 65536 UDP/TLS/RTP/SAVPF 96",
                                      "m=video 9 UDP/TLS/RTP/SAVPF",
                                      "m=video 9 UDP/TLS/RTP/SAVPF 128",
                                      "m=video 9 UDP/TLS/RTP/SAVPF 96 96",
                                      "m=video 9 UDP/TLS/RTP/SAVPF x"}) {
    EXPECT_NE(error_of(video + std::string(line) + "\r\n"), "") << line;
  }
}

TEST(Description, IgnoresWhatIsAboutPayloadTypesNotOnTheMLine) {
  const auto description =
      must_parse(video + "a=rtpmap:120 VP8/90000\r\na=fmtp:120 x=1\r\na=rtcp-fb:120 nack\r\n");
  EXPECT_EQ(description.media[0].find_codec(PayloadType(120)), nullptr);
}

TEST(Description, EveryListHasALimit) {
  const auto repeated = [](std::string_view format_line, int count) {
    std::string text = video;
    for (int i = 0; i < count; ++i) text += std::string(format_line) + std::to_string(i) + "\r\n";
    return text;
  };
  EXPECT_EQ(error_of(repeated("a=candidate:", 256)), "");
  for (const std::string_view line :
       {"a=candidate:", "a=ssrc:", "a=ssrc-group:FID ", "a=fingerprint:", "a=x:", "a=extmap:1 "}) {
    EXPECT_NE(error_of(repeated(line, 257)), "") << line;
  }
  EXPECT_NE(error_of(repeated("m=application 9 UDP/DTLS/SCTP ", 1024)), "");
  EXPECT_NE(error_of(head + std::string(max_text_bytes, 'x')), "");
}

TEST(Description, FmtpParametersAreFoundByName) {
  EXPECT_EQ(fmtp_parameter("apt=96;rtx-time=3000", "apt"), "96");
  EXPECT_EQ(fmtp_parameter("a=1; Packetization-Mode = 0 ", "packetization-mode"), "0");
  EXPECT_EQ(fmtp_parameter("xapt=96", "apt"), "");
  EXPECT_EQ(fmtp_parameter("apt", "apt"), "");
  EXPECT_EQ(fmtp_parameter("", "apt"), "");
}

// Cuts, flips, doubles and swaps pieces of a real offer: what still parses must survive a round trip.
TEST(Description, DamagedOffersNeverCrashAndWhatIsReadRoundTrips) {
  constexpr std::uint64_t seed = 20'261'122;
  SCOPED_TRACE(seed);
  SeededRandom random(seed);
  int parsed = 0;
  for (int run = 0; run < 3'000; ++run) {
    std::string text = run % 2 == 0 ? livekit_second : browser_whip;
    for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
      const std::size_t at = random.below(text.size());
      const std::size_t size = random.below(std::min<std::size_t>(40, text.size() - at) + 1);
      switch (random.below(4)) {
        case 0:
          text[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          text.erase(at, size);
          break;
        case 2:
          text.insert(random.below(text.size()), text.substr(at, size));
          break;
        default:
          text[at] = " :;/=\n0129"[random.below(10)];
      }
      if (text.empty()) text = "v";
    }
    const auto description = parse(text);
    if (!description) continue;
    ++parsed;
    ASSERT_EQ(must_parse(serialize(*description)), *description) << text;
  }
  EXPECT_GT(parsed, 100);
}

}  // namespace
}  // namespace holdfast::sdp

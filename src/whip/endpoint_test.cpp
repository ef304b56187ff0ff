#include "whip/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace holdfast::whip {
namespace {

using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view offer_sdp =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

// Takes every offer, and keeps what came.
class SmallIngest final : public Ingest {
 public:
  void offer(Offer offer, AnswerReply reply) override {
    offers.push_back(std::move(offer));
    if (failure) return reply(std::unexpected(*failure));
    if (hold) {
      held = std::move(reply);
      return;
    }
    reply("v=0 answer");
  }
  void trickle(const std::string& session_id, Fragment fragment, DoneReply reply) override {
    trickled_to = session_id;
    trickled = std::move(fragment);
    reply({});
  }
  void restart_ice(const std::string& session_id, Fragment fragment, IceReply reply) override {
    restarted = session_id;
    if (failure) return reply(std::unexpected(*failure));
    fragment.ufrag = "ours";
    fragment.pwd = "our-password-our-password";
    fragment.candidates = {"candidate:1 1 udp 1 127.0.0.1 9 typ host"};
    reply(std::move(fragment));
  }
  void close(const std::string& session_id, DoneReply reply) override {
    closed.push_back(session_id);
    reply({});
  }

  std::vector<Offer> offers;
  std::optional<Error> failure;
  bool hold = false;
  AnswerReply held;
  std::string trickled_to;
  Fragment trickled;
  std::string restarted;
  std::vector<std::string> closed;
};

class EndpointTest : public testing::Test {
 protected:
  HttpResponse ask(std::string method, std::string_view session, std::vector<HttpHeader> headers = {},
                   std::string_view body = {}) {
    IncomingRequest request{.method = std::move(method),
                            .target = {},
                            .headers = std::move(headers),
                            .body = std::string(body),
                            .remote = {}};
    HttpResponse answer;
    endpoint_.handle("demo", session, request, [&](HttpResponse response) { answer = std::move(response); });
    return answer;
  }
  HttpResponse publish(std::string_view sdp = offer_sdp) {
    return ask("POST", "", {{"content-type", "application/sdp"}}, sdp);
  }
  // Publishes, and keeps the session's id and ETag.
  void make_session() {
    const HttpResponse response = publish();
    ASSERT_EQ(response.status, 201);
    session_ = response.header("location").substr(std::string_view("/whip/demo/").size());
    etag_ = response.header("etag");
  }
  HttpResponse patch(std::string if_match, std::string_view body) {
    return ask("PATCH", session_,
               {{"content-type", "application/trickle-ice-sdpfrag"}, {"if-match", std::move(if_match)}},
               body);
  }

  SmallIngest ingest_;
  SeededRandom random_{1};
  Endpoint endpoint_{ingest_, random_};
  std::string session_;
  std::string etag_;
};

TEST_F(EndpointTest, an_offer_makes_a_session_of_its_own) {
  const HttpResponse response = publish();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.header("content-type"), "application/sdp");
  EXPECT_EQ(response.body, "v=0 answer");
  ASSERT_EQ(ingest_.offers.size(), 1U);
  EXPECT_EQ(ingest_.offers[0].mint_id, "demo");
  EXPECT_EQ(ingest_.offers[0].sdp, offer_sdp);
  EXPECT_EQ(response.header("location"), "/whip/demo/" + ingest_.offers[0].session_id);
  EXPECT_EQ(ingest_.offers[0].session_id.size(), 32U);
  EXPECT_THAT(std::string(response.header("etag")), StartsWith("\""));
  EXPECT_EQ(endpoint_.sessions(), 1U);
}

TEST_F(EndpointTest, an_answer_may_come_later) {
  ingest_.hold = true;
  EXPECT_EQ(publish().status, 0);
  EXPECT_EQ(endpoint_.sessions(), 0U);
}

TEST_F(EndpointTest, an_offer_must_be_sdp_with_ice) {
  EXPECT_EQ(ask("POST", "", {{"content-type", "application/json"}}, offer_sdp).status, 415);
  EXPECT_EQ(ask("POST", "", {}, offer_sdp).status, 415);
  EXPECT_EQ(ask("POST", "", {{"content-type", "Application/SDP; charset=utf-8"}}, offer_sdp).status, 201);
  EXPECT_EQ(ask("POST", "", {{"content-type", "application/sdp"}, {"accept", "text/html"}}, offer_sdp).status,
            406);
  EXPECT_EQ(
      ask("POST", "", {{"content-type", "application/sdp"}, {"accept", "text/html, */*;q=0.1"}}, offer_sdp)
          .status,
      201);
  for (const std::string& bad :
       {std::string(), std::string("hello"), std::string("v=0\r\n"), std::string("v=0\r\n\x01\r\n"),
        std::string(offer_sdp) + "a=ice-ufrag:other\r\n"}) {
    EXPECT_EQ(publish(bad).status, 400) << bad;
  }
  EXPECT_EQ(publish(std::string(offer_sdp) + std::string(300 << 10, 'a')).status, 413);
  EXPECT_EQ(ingest_.offers.size(), 2U);
}

TEST_F(EndpointTest, a_refused_offer_says_why_and_leaves_no_session) {
  const std::pair<ErrorCode, int> cases[] = {{ErrorCode::invalid, 400},
                                             {ErrorCode::conflict, 409},
                                             {ErrorCode::unsupported, 422},
                                             {ErrorCode::unavailable, 503}};
  for (const auto& [code, status] : cases) {
    ingest_.failure = Error{code, "the reason"};
    const HttpResponse response = publish();
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.body, "the reason\n");
  }
  EXPECT_EQ(publish().header("retry-after"), "5");
  EXPECT_EQ(endpoint_.sessions(), 0U);
}

TEST_F(EndpointTest, candidates_trickle_under_the_etag) {
  make_session();
  const HttpResponse response =
      patch(etag_,
            "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
            "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(ingest_.trickled_to, session_);
  EXPECT_THAT(ingest_.trickled.candidates, ElementsAre("candidate:1 1 udp 1 192.0.2.1 5000 typ host"));
  EXPECT_TRUE(ingest_.trickled.end_of_candidates);
}

TEST_F(EndpointTest, a_patch_is_refused_as_the_rfc_has_it) {
  make_session();
  EXPECT_EQ(patch("", "a=mid:0\r\n").status, 428);
  EXPECT_EQ(patch("\"stale\"", "a=mid:0\r\n").status, 412);
  EXPECT_EQ(patch(etag_, "a=ice-ufrag:new\r\n").status, 422);
  EXPECT_EQ(patch(etag_, "no sdp").status, 400);
  EXPECT_EQ(ask("PATCH", session_, {{"content-type", "application/sdp"}, {"if-match", etag_}}).status, 415);
  EXPECT_EQ(patch(etag_, std::string(70 << 10, 'a')).status, 413);
  EXPECT_EQ(ingest_.trickled_to, "");
}

TEST_F(EndpointTest, ice_is_restarted_under_a_new_etag) {
  make_session();
  const std::string_view body =
      "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:wxyz\r\na=ice-pwd:9876543210987654321098\r\n";
  const HttpResponse response = patch("*", body);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(ingest_.restarted, session_);
  EXPECT_EQ(response.header("content-type"), "application/trickle-ice-sdpfrag");
  EXPECT_EQ(response.body,
            "m=audio 9 UDP/TLS/RTP/SAVPF "
            "0\r\na=mid:0\r\na=ice-ufrag:ours\r\na=ice-pwd:our-password-our-password\r\n"
            "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n");
  // The former session of ICE is over.
  EXPECT_EQ(patch(etag_, "a=ice-ufrag:abcd\r\n").status, 412);
  EXPECT_EQ(patch(std::string(response.header("etag")), "a=ice-ufrag:wxyz\r\n").status, 204);
}

TEST_F(EndpointTest, a_restart_needs_credentials_and_what_it_refuses_changes_nothing) {
  make_session();
  EXPECT_EQ(patch("*", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n").status, 400);
  ingest_.failure = Error{ErrorCode::invalid, "too short"};
  EXPECT_EQ(patch("*", "m=audio 9 x 0\r\na=ice-ufrag:wxyz\r\na=ice-pwd:9876\r\n").status, 400);
  EXPECT_EQ(patch(etag_, "a=ice-ufrag:abcd\r\n").status, 204);
}

TEST_F(EndpointTest, a_fragment_has_a_bound) {
  make_session();
  std::string many;
  for (std::size_t i = 0; i <= Fragment::max_candidates; ++i)
    many += "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n";
  EXPECT_EQ(patch(etag_, many).status, 400);
}

TEST_F(EndpointTest, delete_ends_the_session_once) {
  make_session();
  EXPECT_EQ(ask("DELETE", session_).status, 200);
  EXPECT_THAT(ingest_.closed, ElementsAre(session_));
  EXPECT_EQ(ask("DELETE", session_).status, 404);
  EXPECT_EQ(patch(etag_, "a=mid:0\r\n").status, 404);
}

TEST_F(EndpointTest, a_session_that_ended_by_itself_is_not_found) {
  make_session();
  endpoint_.forget(session_);
  EXPECT_EQ(ask("DELETE", session_).status, 404);
  EXPECT_TRUE(ingest_.closed.empty());
}

TEST_F(EndpointTest, a_session_belongs_to_its_mint_id) {
  make_session();
  HttpResponse answer;
  endpoint_.handle("other", session_,
                   {.method = "DELETE", .target = {}, .headers = {}, .body = {}, .remote = {}},
                   [&](HttpResponse response) { answer = std::move(response); });
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(endpoint_.sessions(), 1U);
}

TEST_F(EndpointTest, other_methods_are_not_allowed_and_options_tells) {
  make_session();
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    EXPECT_EQ(ask(method, "").status, 405);
    EXPECT_EQ(ask(method, "").header("allow"), "POST, OPTIONS");
  }
  for (const char* method : {"GET", "HEAD", "PUT", "POST"})
    EXPECT_EQ(ask(method, session_).status, 405) << method;
  EXPECT_EQ(ask("OPTIONS", "").header("accept-post"), "application/sdp");
  EXPECT_EQ(ask("OPTIONS", session_).header("accept-patch"), "application/trickle-ice-sdpfrag");
}

}  // namespace
}  // namespace holdfast::whip

#include "livekit/room_service.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "livekit/jwt.hpp"
#include "livekit/token.hpp"

namespace holdfast::livekit {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const WallTime now(1'700'000'000s);

RoomService service(std::string_view url = "wss://livekit.example/prefix/") {
  return {*ServerUrl::parse(url), "key", "secret"};
}
boost::json::object grant_of(const HttpRequest& request) {
  const std::string& authorization = request.headers.at(1).value;
  EXPECT_TRUE(authorization.starts_with("Bearer "));
  const auto claims = verify_jwt(authorization.substr(7), "secret");
  EXPECT_TRUE(claims);
  EXPECT_EQ(text_at(*claims, "iss"), "key");
  EXPECT_EQ(numeric_date(*claims, "exp"), now + api_token_lifetime);
  return claims->at("video").as_object();
}
Result<HttpResponse> reply(int status, std::string body = {}, std::vector<HttpHeader> headers = {}) {
  return HttpResponse{status, std::move(headers), std::move(body)};
}

TEST(RoomService, asks_for_many_rooms_by_name_with_a_token_that_may_only_list) {
  const std::vector<std::string> names{"a:b", "c \"d\""};
  const HttpRequest request = service().list_rooms(names, now);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://livekit.example/prefix/twirp/livekit.RoomService/ListRooms");
  EXPECT_EQ(request.body, R"({"names":["a:b","c \"d\""]})");
  EXPECT_EQ(boost::json::serialize(grant_of(request)), R"({"roomList":true})");
}

TEST(RoomService, asks_who_is_in_a_room_with_a_token_for_that_room_only) {
  const HttpRequest request = service("ws://[::1]:7880").list_participants("a b", now);
  EXPECT_EQ(request.url, "http://[::1]:7880/twirp/livekit.RoomService/ListParticipants");
  EXPECT_EQ(request.body, R"({"room":"a b"})");
  EXPECT_EQ(boost::json::serialize(grant_of(request)), R"({"roomAdmin":true,"room":"a b"})");
}

TEST(RoomService, reads_which_rooms_exist) {
  const auto rooms = RoomService::read_rooms(
      reply(200, R"({"rooms":[{"name":"b","num_participants":0},{"name":"a"},{"sid":"RM_x"}]})"), now);
  ASSERT_TRUE(rooms);
  EXPECT_THAT(*rooms, ElementsAre("a", "b"));
  EXPECT_TRUE(RoomService::read_rooms(reply(200, "{}"), now)->empty());
}

TEST(RoomService, a_stream_is_live_when_somebody_publishes_sound_or_pictures) {
  const auto presence = [](std::string body, std::string_view identity = {},
                           MutedTracks muted = MutedTracks::count) {
    return RoomService::read_participants(reply(200, std::move(body)), identity, muted, now).value();
  };
  const std::string people =
      R"({"participants":[{"identity":"viewer","tracks":[]},
          {"identity":"anna","tracks":[{"type":"VIDEO","muted":true}]}]})";
  EXPECT_EQ(presence(people), Presence::publishes);
  EXPECT_EQ(presence(people, "anna"), Presence::publishes);
  EXPECT_EQ(presence(people, "viewer"), Presence::nobody_publishes);
  EXPECT_EQ(presence(people, "ann"), Presence::nobody_publishes);
  EXPECT_EQ(presence(people, "anna", MutedTracks::do_not_count), Presence::nobody_publishes);
  EXPECT_EQ(presence(R"({"participants":[{"tracks":[{"type":"AUDIO"}]}]})", {}, MutedTracks::do_not_count),
            Presence::publishes);
  EXPECT_EQ(presence(R"({"participants":[]})"), Presence::nobody_publishes);
  EXPECT_EQ(presence(R"({"participants":[{"tracks":[{"type":"DATA"}]}]})"), Presence::nobody_publishes);
  EXPECT_EQ(presence(R"({"participants":[1,{"tracks":7},null]})"), Presence::nobody_publishes);
}

TEST(RoomService, says_whether_asking_again_may_help_and_when) {
  const auto trouble = [](const Result<HttpResponse>& given) {
    return RoomService::read_rooms(given, now).error();
  };
  EXPECT_EQ(trouble(reply(503)).why.code, ErrorCode::unavailable);
  EXPECT_EQ(trouble(reply(429, "", {{"retry-after", "7"}})).wait, 7s);
  EXPECT_EQ(trouble(reply(401)).why.code, ErrorCode::refused);
  EXPECT_THAT(trouble(reply(401)).why.message, HasSubstr("livekit_api_secret"));
  EXPECT_EQ(trouble(reply(404)).why.code, ErrorCode::refused);
  EXPECT_EQ(trouble(fail(ErrorCode::unavailable, "no connection")).why.message, "no connection");
  EXPECT_EQ(trouble(fail(ErrorCode::refused, "no trust")).why.code, ErrorCode::refused);
  for (const char* body : {"", "<html>", "[]", R"({"rooms":1})"}) {
    EXPECT_EQ(trouble(reply(200, body)).why.code, ErrorCode::refused) << body;
  }
}

}  // namespace
}  // namespace holdfast::livekit

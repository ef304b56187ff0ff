#include "livekit/ending.hpp"

#include <gmock/gmock.h>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

using testing::HasSubstr;
using testing::Not;

EndKind after(wire::DisconnectReason reason, wire::Leave::Action action) {
  wire::Leave leave;
  leave.set_reason(reason);
  leave.set_action(action);
  return ending_of_leave(leave).kind;
}

TEST(Ending, SomeReasonsAreFinal) {
  EXPECT_EQ(after(wire::DUPLICATE_IDENTITY, wire::Leave::DISCONNECT), EndKind::refused);
  EXPECT_EQ(after(wire::PARTICIPANT_REMOVED, wire::Leave::DISCONNECT), EndKind::refused);
  EXPECT_EQ(after(wire::ROOM_DELETED, wire::Leave::DISCONNECT), EndKind::stream_ended);
}

TEST(Ending, AClosedRoomMayOpenAgain) {
  EXPECT_EQ(after(wire::ROOM_CLOSED, wire::Leave::DISCONNECT), EndKind::not_live);
}

TEST(Ending, AServerThatShutsDownIsNotTheEndThoughItSaysDisconnect) {
  EXPECT_EQ(after(wire::SERVER_SHUTDOWN, wire::Leave::DISCONNECT), EndKind::rejoin);
}

TEST(Ending, OtherwiseTheActionDecides) {
  EXPECT_EQ(after(wire::MIGRATION, wire::Leave::RESUME), EndKind::resume);
  EXPECT_EQ(after(wire::CONNECTION_TIMEOUT, wire::Leave::RESUME), EndKind::resume);
  EXPECT_EQ(after(wire::STATE_MISMATCH, wire::Leave::RECONNECT), EndKind::rejoin);
  EXPECT_EQ(after(wire::JOIN_FAILURE, wire::Leave::DISCONNECT), EndKind::rejoin);
  EXPECT_EQ(after(static_cast<wire::DisconnectReason>(99), static_cast<wire::Leave::Action>(99)),
            EndKind::rejoin);
}

struct Refusal {
  int status;
  std::string body;
  EndKind kind;
  std::string why;
};

TEST(Ending, EachRefusalOfAServerIsExplained) {
  const Refusal table[] = {
      {401, "no permissions to access the room", EndKind::refused, "no token"},
      {401, "invalid authorization token", EndKind::refused, "not a JWT"},
      {401, "invalid API key: abc", EndKind::refused, "API key"},
      {401, "invalid token: SECRET, error: token is expired (exp)", EndKind::refused, "expired"},
      {401, "invalid token: SECRET, error: token not valid yet (nbf)", EndKind::refused, "clocks"},
      {401, "invalid token: SECRET, error: square/go-jose: error in cryptographic primitive",
       EndKind::refused, "API secret"},
      {401, "permissions denied", EndKind::refused, "roomJoin"},
      {400, "identity cannot be empty", EndKind::refused, "identity"},
      {400, "no room name", EndKind::refused, "names no room"},
      {400, "room name exceeds limits: max length 256", EndKind::refused, "256"},
      {404, "requested room does not exist", EndKind::not_live, "does not exist yet"},
      {404, "404 page not found", EndKind::refused, "livekit_url"},
      {500, "connection closed by media", EndKind::rejoin, "full"},
      {502, "", EndKind::rejoin, "502"},
      {503, "", EndKind::rejoin, "capacity limit"},
      {429, "", EndKind::rejoin, "429"},
      {200, "<html>", EndKind::refused, "livekit_url"},
      {302, "", EndKind::refused, "302"},
  };
  for (const Refusal& row : table) {
    const Ended ended = ending_of_refusal(row.status, row.body);
    EXPECT_EQ(ended.kind, row.kind) << row.body;
    EXPECT_THAT(ended.why, HasSubstr(row.why));
    EXPECT_THAT(ended.why, Not(HasSubstr("SECRET")));
  }
}

}  // namespace
}  // namespace holdfast::livekit

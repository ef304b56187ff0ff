#include "livekit/ending.hpp"

#include <fmt/format.h>

#include "livekit/signal.pb.h"

namespace holdfast::livekit {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The texts of a LiveKit server's 401, matched in full or by their beginnings.
std::string_view explain_unauthorized(std::string_view body) {
  if (body.starts_with("no permissions to access the room")) return "it received no token";
  if (body.starts_with("invalid authorization token")) return "the token is not a JWT";
  if (body.starts_with("invalid API key")) return "it does not know the API key that signed the token";
  if (body.starts_with("permissions denied"))
    return "the token does not allow joining a room (video.roomJoin)";
  if (!body.starts_with("invalid token")) return "the token does not allow joining this room";
  const auto error = body.rfind(", error: ");
  const std::string_view reason = error == std::string_view::npos ? "" : body.substr(error);
  if (contains(reason, "expired")) return "the token has expired; get a new one";
  if (contains(reason, "not valid yet"))
    return "the token is not valid yet; compare the clocks of the two machines";
  return "the token's signature is wrong; check the API secret";
}

// As LiveKit's protocol spells it; a newer server may have one that we do not know.
std::string name_of(wire::DisconnectReason reason) {
  const std::string& name = wire::DisconnectReason_Name(reason);
  return name.empty() ? std::to_string(static_cast<int>(reason)) : name;
}

}  // namespace

std::string_view to_string(EndKind kind) {
  switch (kind) {
    case EndKind::left:
      return "left";
    case EndKind::stream_ended:
      return "stream_ended";
    case EndKind::refused:
      return "refused";
    case EndKind::not_live:
      return "not_live";
    case EndKind::resume:
      return "resume";
    case EndKind::rejoin:
      return "rejoin";
  }
  return "unknown";
}

Ended ending_of_leave(const wire::Leave& leave) {
  switch (leave.reason()) {
    case wire::CLIENT_INITIATED:
      return {EndKind::left, "Holdfast left the room"};
    case wire::DUPLICATE_IDENTITY:
      // To join again would throw the other one out in turn.
      return {EndKind::refused,
              "another session joined with the same identity; give each recorder its own identity"};
    case wire::PARTICIPANT_REMOVED:
      return {EndKind::refused, "Holdfast was removed from the room"};
    case wire::ROOM_DELETED:
      return {EndKind::stream_ended, "the room was deleted"};
    case wire::ROOM_CLOSED:
      // We do not hold it open; a publisher who was away for longer than its departure timeout makes it anew.
      return {EndKind::not_live, "the room was closed, all participants had left", Fault::publisher};
    // Sent with action DISCONNECT, but the room lives on, on this server or another.
    case wire::SERVER_SHUTDOWN:
      return {EndKind::rejoin, "the server is shutting down"};
    default:
      break;
  }
  const std::string why =
      fmt::format("the server ended the session (LiveKit's reason: {})", name_of(leave.reason()));
  // The server heard nothing of us any more.
  const bool unheard = leave.reason() == wire::CONNECTION_TIMEOUT || leave.reason() == wire::MEDIA_FAILURE;
  return {leave.action() == wire::Leave::RESUME ? EndKind::resume : EndKind::rejoin, why,
          unheard ? Fault::network : Fault::server};
}

Ended ending_of_refusal(int status, std::string_view body) {
  const auto refused = [](std::string_view why) {
    return Ended{EndKind::refused, fmt::format("the LiveKit server refused the connection: {}", why)};
  };
  if (status == 401) return refused(explain_unauthorized(body));
  if (status == 400 && body.starts_with("identity cannot be empty"))
    return refused("the token names no identity");
  if (status == 400 && body.starts_with("no room name")) return refused("the token names no room");
  if (status == 400 && contains(body, "exceeds limits")) {
    return refused("the room's name or the identity in the token is too long (at most 256 bytes)");
  }
  if (status == 404 && contains(body, "room does not exist"))
    return {EndKind::not_live, "the room does not exist yet"};
  if (status == 404) return refused("the address was not found (404); check livekit_url");
  if (status == 500 && contains(body, "connection closed by media")) {
    return {EndKind::rejoin,
            "the LiveKit server refused to let Holdfast join: the room is full, or the server has an error "
            "(500)"};
  }
  if (status == 503) return {EndKind::rejoin, "the LiveKit server is at its capacity limit (503)"};
  if (status == 429 || status >= 500) {
    return {EndKind::rejoin, fmt::format("the LiveKit server has an error (HTTP status {})", status)};
  }
  return refused(
      fmt::format("it responded with HTTP status {} instead of a WebSocket; check livekit_url", status));
}

}  // namespace holdfast::livekit

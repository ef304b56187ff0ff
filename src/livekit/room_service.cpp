#include "livekit/room_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "livekit/token.hpp"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;

// A thousand viewers are some 500 kB.
constexpr std::size_t max_reply_bytes = 16 << 20;

std::unexpected<AskLater> later(Duration wait, ErrorCode code, std::string why) {
  return std::unexpected(AskLater{wait, {code, std::move(why)}});
}

// The array of that name; absent is empty, as protojson has it.
RoomService::Answer<json::array> read_array(const Result<HttpResponse>& reply, std::string_view name,
                                            WallTime now) {
  if (!reply) {
    const bool again = reply.error().code == ErrorCode::unavailable || reply.error().code == ErrorCode::io;
    return later({}, again ? ErrorCode::unavailable : ErrorCode::refused, reply.error().message);
  }
  if (reply->status == 401 || reply->status == 403) {
    return later(
        retry_after(*reply, now), ErrorCode::refused,
        fmt::format(
            "the LiveKit server's API responded with status {}: check livekit_api_key and livekit_api_secret",
            reply->status));
  }
  if (reply->status != 200) {
    const bool again = reply->status == 408 || reply->status == 429 || reply->status >= 500;
    return later(retry_after(*reply, now), again ? ErrorCode::unavailable : ErrorCode::refused,
                 fmt::format("the LiveKit server's API responded with status {}{}", reply->status,
                             again ? "" : ": check livekit_url"));
  }
  json::error_code error;
  json::value value = json::parse(reply->body, error);
  if (error || !value.is_object()) {
    return later({}, ErrorCode::refused,
                 "the LiveKit server's API did not respond with a JSON object: check livekit_url");
  }
  json::value* list = value.get_object().if_contains(json::string_view(name.data(), name.size()));
  if (list == nullptr || list->is_null()) return json::array();
  if (!list->is_array()) {
    return later({}, ErrorCode::refused,
                 fmt::format("the response of the LiveKit server's API has no list of {}", name));
  }
  return std::move(list->get_array());
}

const json::value* member(const json::value& value, std::string_view name) {
  return value.is_object() ? value.get_object().if_contains(json::string_view(name.data(), name.size()))
                           : nullptr;
}

bool is_text(const json::value* value, std::string_view text) {
  return value != nullptr && value->is_string() &&
         std::string_view(value->get_string().data(), value->get_string().size()) == text;
}

bool publishes(const json::value& participant, MutedTracks muted) {
  const json::value* tracks = member(participant, "tracks");
  if (tracks == nullptr || !tracks->is_array()) return false;
  return std::ranges::any_of(tracks->get_array(), [&](const json::value& track) {
    const json::value* is_muted = member(track, "muted");
    const bool silent = is_muted != nullptr && is_muted->is_bool() && is_muted->get_bool();
    return !is_text(member(track, "type"), "DATA") && !(silent && muted == MutedTracks::do_not_count);
  });
}

}  // namespace

RoomService::RoomService(ServerUrl server, std::string api_key, std::string api_secret)
    : server_(std::move(server)), api_key_(std::move(api_key)), api_secret_(std::move(api_secret)) {}

HttpRequest RoomService::call(std::string_view method, std::string body, std::string room,
                              WallTime now) const {
  const std::string token = make_api_token({api_key_, api_secret_, std::move(room)}, now);
  HttpRequest request;
  request.method = "POST";
  request.url = fmt::format("{}://{}{}/twirp/livekit.RoomService/{}",
                            server_.transport == Transport::tls ? "https" : "http", server_.authority(),
                            server_.path, method);
  request.headers = {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + token}};
  request.body = std::move(body);
  request.max_response_bytes = max_reply_bytes;
  return request;
}

HttpRequest RoomService::list_rooms(std::span<const std::string> names, WallTime now) const {
  json::array list;
  for (const std::string& name : names) list.emplace_back(name);
  return call("ListRooms", json::serialize(json::object{{"names", std::move(list)}}), {}, now);
}

HttpRequest RoomService::list_participants(std::string_view room, WallTime now) const {
  return call("ListParticipants",
              json::serialize(json::object{{"room", json::string_view(room.data(), room.size())}}),
              std::string(room), now);
}

auto RoomService::read_rooms(const Result<HttpResponse>& reply, WallTime now)
    -> Answer<std::set<std::string, std::less<>>> {
  const auto rooms = read_array(reply, "rooms", now);
  if (!rooms) return std::unexpected(rooms.error());
  std::set<std::string, std::less<>> names;
  for (const json::value& room : *rooms) {
    const json::value* name = member(room, "name");
    if (name != nullptr && name->is_string()) {
      names.emplace(name->get_string().data(), name->get_string().size());
    }
  }
  return names;
}

auto RoomService::read_participants(const Result<HttpResponse>& reply, std::string_view identity,
                                    MutedTracks muted, WallTime now) -> Answer<Presence> {
  const auto participants = read_array(reply, "participants", now);
  if (!participants) return std::unexpected(participants.error());
  const bool live = std::ranges::any_of(*participants, [&](const json::value& participant) {
    return publishes(participant, muted) &&
           (identity.empty() || is_text(member(participant, "identity"), identity));
  });
  return live ? Presence::publishes : Presence::nobody_publishes;
}

}  // namespace holdfast::livekit

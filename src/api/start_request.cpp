#include "api/start_request.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <span>

#include "api/mint_id.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace holdfast::api {
namespace {

namespace json = boost::json;

constexpr std::string_view contradicts = "contradicts another field of the request";

// Puts the value in its place and gives "", or says what it must be.
using Take = std::string_view (*)(StartRequest&, std::string_view);
enum class Takes : std::uint8_t { text, text_or_seconds };
struct Field {
  std::string_view name;
  Take take;
  Takes takes = Takes::text;
};

std::string_view take_mint_id(StartRequest& request, std::string_view value) {
  if (!is_valid_mint_id(value)) return mint_id_rule;
  if (!request.mint_id.empty() && request.mint_id != value) return "differs from the mint_id in the path";
  request.mint_id = value;
  return {};
}

std::string_view take_format(StartRequest& request, std::string_view value) {
  const auto format = container::parse_format(value);
  if (!format) return "must be mpegts, mp4 or mkv";
  if (request.format && *request.format != *format) return contradicts;
  request.format = format;
  return {};
}

std::string_view take_audio(StartRequest& request, std::string_view value) {
  request.audio = recording::parse_audio_mode(value);
  return request.audio ? "" : "must be aac or copy";
}

std::string_view take_video_quality(StartRequest& request, std::string_view value) {
  request.video_quality = recording::parse_video_quality(value);
  return request.video_quality ? "" : "must be low, medium or high";
}

std::string_view take_damage(StartRequest& request, std::string_view value) {
  request.damage = recording::parse_damage_mode(value);
  return request.damage ? "" : "must be keep or drop";
}

std::string_view take_participant(StartRequest& request, std::string_view value) {
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; };
  if (value.empty() || value.size() > 256 || std::ranges::any_of(value, is_control)) {
    return "must be a participant's identity, 1 to 256 bytes without control characters";
  }
  request.participant = value;
  return {};
}

std::string_view take_participants(StartRequest& request, std::string_view value) {
  if (value != "all" && value != "one") return "must be one or all";
  request.participants = value == "all" ? Participants::all : Participants::one;
  return {};
}

std::string_view take_livekit_url(StartRequest& request, std::string_view value) {
  const auto url = boost::urls::parse_uri(value);
  const bool good =
      value.size() <= 2048 && url &&
      (url->scheme_id() == boost::urls::scheme::ws || url->scheme_id() == boost::urls::scheme::wss) &&
      !url->encoded_host().empty() && !url->has_userinfo() && !url->has_query() && !url->has_fragment();
  if (!good) return "must be a ws:// or wss:// URL without user, query and fragment";
  request.livekit_url = value;
  return {};
}

std::string_view take_token(StartRequest& request, std::string_view value) {
  // It goes into a header field: nothing that could end one.
  const bool good = !value.empty() && value.size() <= 16 << 10 &&
                    std::ranges::all_of(value, [](char c) { return c > ' ' && c <= '~'; });
  if (!good) return "must be 1 to 16,384 visible ASCII characters";
  request.token = value;
  return {};
}

std::string_view take_limit(std::optional<Duration>& limit, std::string_view value) {
  limit = parse_duration(value);
  if (limit && (*limit == Duration::zero() || *limit >= std::chrono::seconds(1))) return {};
  return "must be seconds or a duration such as 90s or 2m: 1s to 30d, or 0 for never";
}

std::string_view take_gap_limit(StartRequest& request, std::string_view value) {
  return take_limit(request.gap_limit, value);
}

std::string_view take_mute_limit(StartRequest& request, std::string_view value) {
  return take_limit(request.mute_limit, value);
}

std::string_view take_part_duration(StartRequest& request, std::string_view value) {
  return take_limit(request.part_duration, value);
}

std::string_view take_part_size(StartRequest& request, std::string_view value) {
  request.part_size = parse_byte_size(value);
  if (request.part_size && (request.part_size->bytes == 0 || request.part_size->bytes >= least_part_size))
    return {};
  return "must be a size such as 500MB or 2GiB: 1MiB or more, or 0 for never";
}

constexpr std::array<Field, 14> start_fields{{{"mint_id", take_mint_id},
                                              {"format", take_format},
                                              {"output_format", take_format},
                                              {"audio", take_audio},
                                              {"video_quality", take_video_quality},
                                              {"damage", take_damage},
                                              {"participant", take_participant},
                                              {"participants", take_participants},
                                              {"livekit_url", take_livekit_url},
                                              {"token", take_token},
                                              {"gap_limit", take_gap_limit, Takes::text_or_seconds},
                                              {"mute_limit", take_mute_limit, Takes::text_or_seconds},
                                              {"part_duration", take_part_duration, Takes::text_or_seconds},
                                              {"part_size", take_part_size}}};
constexpr std::span<const Field> stop_fields = std::span(start_fields).first(1);

std::unexpected<FieldError> wrong(std::string_view field, std::string message) {
  return std::unexpected(FieldError{422, std::string(field), std::move(message)});
}

std::unexpected<FieldError> unknown_field(std::string_view name, std::span<const Field> fields) {
  std::vector<std::string_view> known;
  for (const Field& field : fields) known.push_back(field.name);
  const std::string_view meant = nearest(name, known);
  const std::string shown = printable(name);
  if (!meant.empty())
    return wrong(shown, fmt::format("unknown field \"{}\"; did you mean \"{}\"?", shown, meant));
  return wrong(shown, fmt::format("unknown field \"{}\"; the fields are {}", shown, fmt::join(known, ", ")));
}

std::expected<json::object, FieldError> parse_object(std::string_view body) {
  if (body.empty()) return json::object();
  json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code error;
  json::value value = json::parse(body, error, {}, options);
  if (error) return std::unexpected(FieldError{400, {}, "the body is not JSON: " + error.message()});
  if (!value.is_object()) return std::unexpected(FieldError{400, {}, "the body must be a JSON object"});
  return std::move(value.as_object());
}

std::expected<void, FieldError> take_member(std::string_view name, const json::value& value,
                                            std::span<const Field> fields, StartRequest& request) {
  const auto field = std::ranges::find(fields, name, &Field::name);
  if (field == fields.end()) return unknown_field(name, fields);
  if (value.is_null()) return {};  // as good as not given
  std::string text;
  if (value.is_string()) {
    text.assign(value.get_string().data(), value.get_string().size());
  } else if (field->takes == Takes::text_or_seconds && value.is_number()) {
    text = fmt::format("{:f}s", value.to_number<double>());
  } else {
    const std::string_view kinds =
        field->takes == Takes::text ? "a string" : "a string or a number of seconds";
    return wrong(name, fmt::format("{} must be {}", name, kinds));
  }
  const std::string_view problem = field->take(request, text);
  if (!problem.empty()) return wrong(name, fmt::format("{} {}", name, problem));
  return {};
}

std::expected<StartRequest, FieldError> parse(std::string_view mint_id, std::string_view body,
                                              std::span<const Field> fields) {
  StartRequest request;
  if (!mint_id.empty() && !take_mint_id(request, mint_id).empty()) {
    return wrong("mint_id", fmt::format("\"{}\": mint_id {}", printable(mint_id), mint_id_rule));
  }
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (const auto taken = take_member(name, member.value(), fields, request); !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (request.mint_id.empty())
    return wrong("mint_id", "mint_id is missing: send it in the path or in the body");
  return request;
}

}  // namespace

std::expected<StartRequest, FieldError> parse_start_request(std::string_view mint_id, std::string_view body) {
  auto request = parse(mint_id, body, start_fields);
  if (request && request->participants == Participants::all && !request->participant.empty()) {
    return wrong("participants", "set participants \"all\" or participant, not both");
  }
  return request;
}

std::expected<StartRequest, FieldError> parse_follow_request(std::string_view mint_id,
                                                             std::string_view body) {
  auto request = parse_start_request(mint_id, body);
  if (request && !request->token.empty()) {
    return wrong("token",
                 "token: not allowed, because a follow lasts longer than any token; livekit_api_key or "
                 "token_endpoint provide a new token for each recording");
  }
  return request;
}

json::object to_json(const StartRequest& request) {
  json::object object{{"mint_id", request.mint_id}};
  if (request.format) object["format"] = container::to_string(*request.format);
  if (request.audio) object["audio"] = recording::to_string(*request.audio);
  if (request.video_quality) object["video_quality"] = recording::to_string(*request.video_quality);
  if (request.damage) object["damage"] = recording::to_string(*request.damage);
  if (!request.participant.empty()) object["participant"] = request.participant;
  if (request.participants == Participants::all) object["participants"] = "all";
  if (!request.livekit_url.empty()) object["livekit_url"] = request.livekit_url;
  if (!request.token.empty()) object["token"] = request.token;
  if (request.gap_limit) object["gap_limit"] = format_duration(*request.gap_limit);
  if (request.mute_limit) object["mute_limit"] = format_duration(*request.mute_limit);
  if (request.part_duration) object["part_duration"] = format_duration(*request.part_duration);
  if (request.part_size) object["part_size"] = format_byte_size(*request.part_size);
  return object;
}

std::expected<std::string, FieldError> parse_stop_request(std::string_view mint_id, std::string_view body) {
  auto request = parse(mint_id, body, stop_fields);
  if (!request) return std::unexpected(std::move(request.error()));
  return std::move(request->mint_id);
}

}  // namespace holdfast::api

#include "control/start_request_json.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "control/mint_id.hpp"

namespace holdfast::control {
namespace {

namespace json = boost::json;

// What says whom to record, and where. Takes the value, or says what it must be.
using Take = std::string_view (*)(StartRequest&, std::string_view);
struct Field {
  std::string_view name;
  Take take;
};

std::string_view take_mint_id(StartRequest& request, std::string_view value) {
  if (!is_valid_mint_id(value)) return mint_id_rule;
  if (!request.mint_id.empty() && request.mint_id != value) return "differs from the mint_id in the path";
  request.mint_id = value;
  return {};
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

constexpr std::array<Field, 5> fields{{{"mint_id", take_mint_id},
                                       {"participant", take_participant},
                                       {"participants", take_participants},
                                       {"livekit_url", take_livekit_url},
                                       {"token", take_token}}};
constexpr std::string_view other_name_of_format = "output_format";

// All fields of a start: what says whom to record, and the options that a request may set.
std::vector<std::string_view> start_fields() {
  std::vector<std::string_view> names;
  names.reserve(fields.size() + recording_options().size() + 1);
  for (const Field& field : fields) names.push_back(field.name);
  for (const RecordingOption& option : recording_options()) {
    if (option.per_request == PerRequest::yes) names.push_back(option.name);
  }
  names.push_back(other_name_of_format);
  return names;
}

std::unexpected<FieldError> unknown_field(std::string_view name, const std::vector<std::string_view>& known) {
  const std::string_view meant = nearest(name, known);
  const std::string shown = printable(name);
  if (!meant.empty())
    return wrong_field(shown, fmt::format("unknown field \"{}\"; did you mean \"{}\"?", shown, meant));
  return wrong_field(shown,
                     fmt::format("unknown field \"{}\"; the fields are {}", shown, fmt::join(known, ", ")));
}

std::string take_option(StartRequest& request, std::string_view name, std::string text) {
  const std::string* before = request.options.find(name);
  const std::string former = before == nullptr ? "" : *before;
  std::string problem = request.options.set(name, std::move(text));
  // Of `format` and `output_format`, both were given.
  if (problem.empty() && !former.empty() && *request.options.find(name) != former)
    return "contradicts another field of the request";
  return problem;
}

std::expected<void, FieldError> take_member(std::string_view name, const json::value& value,
                                            const std::vector<std::string_view>& known,
                                            StartRequest& request) {
  if (std::ranges::find(known, name) == known.end()) return unknown_field(name, known);
  if (value.is_null()) return {};  // as good as not given
  const std::string_view own = name == other_name_of_format ? "format" : name;
  const RecordingOption* option = find_recording_option(own);
  const bool takes_seconds = option != nullptr && option->is_duration;
  std::string text;
  if (value.is_string()) {
    text.assign(value.get_string().data(), value.get_string().size());
  } else if (takes_seconds && value.is_number()) {
    text = fmt::format("{:f}s", value.to_number<double>());
  } else {
    return wrong_field(
        name, fmt::format("{} must be a string{}", name, takes_seconds ? " or a number of seconds" : ""));
  }
  const std::string problem =
      option != nullptr ? take_option(request, own, std::move(text))
                        : std::string(std::ranges::find(fields, name, &Field::name)->take(request, text));
  if (!problem.empty()) return wrong_field(name, fmt::format("{} {}", name, problem));
  return {};
}

std::expected<StartRequest, FieldError> parse(std::string_view mint_id, std::string_view body,
                                              const std::vector<std::string_view>& known) {
  StartRequest request;
  if (!mint_id.empty() && !take_mint_id(request, mint_id).empty()) {
    return wrong_field("mint_id", fmt::format("\"{}\": mint_id {}", printable(mint_id), mint_id_rule));
  }
  const auto object = parse_object(body);
  if (!object) return std::unexpected(object.error());
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (const auto taken = take_member(name, member.value(), known, request); !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (request.mint_id.empty())
    return wrong_field("mint_id", "mint_id is missing: send it in the path or in the body");
  return request;
}

}  // namespace

std::expected<StartRequest, FieldError> parse_start_request(std::string_view mint_id, std::string_view body) {
  auto request = parse(mint_id, body, start_fields());
  if (request && request->participants == Participants::all && !request->participant.empty()) {
    return wrong_field("participants", "set participants \"all\" or participant, not both");
  }
  return request;
}

std::expected<StartRequest, FieldError> parse_follow_request(std::string_view mint_id,
                                                             std::string_view body) {
  auto request = parse_start_request(mint_id, body);
  if (request && !request->token.empty()) {
    return wrong_field("token",
                       "token: not allowed, because a follow lasts longer than any token; livekit_api_key or "
                       "token_endpoint provide a new token for each recording");
  }
  return request;
}

std::expected<std::string, FieldError> parse_stop_request(std::string_view mint_id, std::string_view body) {
  auto request = parse(mint_id, body, {"mint_id"});
  if (!request) return std::unexpected(std::move(request.error()));
  return std::move(request->mint_id);
}

json::object to_json(const GivenOptions& options) {
  json::object object;
  for (const auto& [name, text] : options.texts()) object[name] = text;
  return object;
}

json::object to_json(const StartRequest& request) {
  json::object object{{"mint_id", request.mint_id}};
  for (const auto& [name, text] : request.options.texts()) object[name] = text;
  if (!request.participant.empty()) object["participant"] = request.participant;
  if (request.participants == Participants::all) object["participants"] = "all";
  if (!request.livekit_url.empty()) object["livekit_url"] = request.livekit_url;
  if (!request.token.empty()) object["token"] = request.token;
  return object;
}

Result<GivenOptions> parse_saved_options(const json::object& saved) {
  GivenOptions options;
  for (const auto& member : saved) {
    const std::string_view name(member.key().data(), member.key().size());
    if (find_recording_option(name) == nullptr) continue;
    const json::string* text = member.value().if_string();
    const std::string problem =
        text == nullptr ? "must be a string" : options.set(name, std::string(text->data(), text->size()));
    if (!problem.empty()) return fail(ErrorCode::invalid, "{} {}", name, problem);
  }
  return options;
}

}  // namespace holdfast::control

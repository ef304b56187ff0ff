#include "livekit/token_endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "base/text.hpp"
#include "livekit/retry_after.hpp"

namespace holdfast::livekit {
namespace {

namespace json = boost::json;

constexpr std::string_view placeholder = "{mint_id}";

std::string replace_placeholder(std::string_view text, std::string_view value) {
  return replace_all(text, placeholder, value);
}

// Everything but unreserved characters (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text) {
  constexpr std::string_view unreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (const char c : text) {
    if (unreserved.find(c) != std::string_view::npos) {
      result.push_back(c);
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

std::string json_escape(std::string_view text) {
  const std::string quoted = json::serialize(json::string(text.data(), text.size()));
  return quoted.substr(1, quoted.size() - 2);
}

std::optional<json::value> parse_json(std::string_view text) {
  json::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error) return std::nullopt;
  return value;
}

// RFC 6901: "" is the whole, else each part begins with a slash; ~ only as ~0 or ~1.
bool is_json_pointer(std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/') return false;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] != '~') continue;
    if (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')) return false;
  }
  return true;
}

const json::value* value_at(const json::value& value, std::string_view pointer) {
  json::error_code error;
  return value.find_pointer({pointer.data(), pointer.size()}, error);
}

bool has_header(const std::vector<HttpHeader>& headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const HttpHeader& header) {
    return std::ranges::equal(header.name, name, {},
                              [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  });
}

Result<void> check(const TokenEndpointConfig& config) {
  if (!config.url.starts_with("http://") && !config.url.starts_with("https://")) {
    return fail(ErrorCode::invalid, "token endpoint: url must begin with http:// or https://");
  }
  for (const auto& [name, pointer] :
       {std::pair("token_pointer", config.token_pointer), std::pair("url_pointer", config.server_url_pointer),
        std::pair("live_pointer", config.live_pointer)}) {
    if (!is_json_pointer(pointer)) {
      return fail(ErrorCode::invalid,
                  "token endpoint: {} is not a JSON pointer; a JSON pointer looks like /data/token", name);
    }
  }
  if (!config.body.empty() && !parse_json(replace_placeholder(config.body, "x"))) {
    return fail(ErrorCode::invalid, "token endpoint: body is not JSON");
  }
  if (config.poll_interval <= Duration::zero() || !(config.jitter >= 0 && config.jitter <= 1)) {
    return fail(ErrorCode::invalid, "token endpoint: poll_interval must be above 0 and jitter within 0 to 1");
  }
  return {};
}

}  // namespace

Result<TokenEndpoint> TokenEndpoint::create(TokenEndpointConfig config) {
  if (auto checked = check(config); !checked) return std::unexpected(checked.error());
  return TokenEndpoint(std::move(config));
}

HttpRequest TokenEndpoint::request(std::string_view mint_id) const {
  HttpRequest request;
  request.method = config_.method;
  request.url = replace_placeholder(config_.url, percent_encode(mint_id));
  for (const HttpHeader& header : config_.headers) {
    request.headers.push_back({header.name, replace_placeholder(header.value, mint_id)});
  }
  request.body = replace_placeholder(config_.body, json_escape(mint_id));
  if (!request.body.empty() && !has_header(config_.headers, "content-type")) {
    request.headers.push_back({"Content-Type", "application/json"});
  }
  request.timeout = config_.timeout;
  return request;
}

TokenOutcome TokenEndpoint::handle_reply(const Result<HttpResponse>& reply, WallTime now,
                                         Random& random) const {
  if (!reply) {
    if (reply.error().code == ErrorCode::unavailable || reply.error().code == ErrorCode::io) {
      return ask_later(Duration::zero(), random, reply.error());
    }
    return reply.error();
  }
  const int status = reply->status;
  if (std::ranges::find(config_.not_live_statuses, status) != config_.not_live_statuses.end()) {
    return ask_later(retry_after(*reply, now), random, {ErrorCode::not_found, "the stream is not live yet"});
  }
  if (status == 408 || status == 429 || status >= 500) {
    return ask_later(
        retry_after(*reply, now), random,
        {ErrorCode::unavailable, fmt::format("the token endpoint responded with status {}", status)});
  }
  if (status < 200 || status > 299) {
    return Error{ErrorCode::refused,
                 fmt::format("the token endpoint responded with status {}; check its configuration", status)};
  }
  return read_body(reply->body, random);
}

TokenOutcome TokenEndpoint::read_body(std::string_view body, Random& random) const {
  const auto value = parse_json(body);
  if (!value) return Error{ErrorCode::invalid, "the token endpoint's reply is not JSON"};
  const Error not_live{ErrorCode::not_found, "the stream is not live yet"};

  if (!config_.live_pointer.empty()) {
    const json::value* live = value_at(*value, config_.live_pointer);
    if (live == nullptr || live->is_null()) return ask_later(Duration::zero(), random, not_live);
    if (!live->is_bool()) {
      return Error{ErrorCode::invalid,
                   fmt::format("the token endpoint's reply has no true or false at {} (live_pointer)",
                               config_.live_pointer)};
    }
    if (!live->get_bool()) return ask_later(Duration::zero(), random, not_live);
  }

  const auto text_at = [&](std::string_view pointer) -> std::optional<std::string> {
    const json::value* text = value_at(*value, pointer);
    if (text == nullptr || !text->is_string()) return std::nullopt;
    return std::string(text->get_string().data(), text->get_string().size());
  };
  const json::value* token_value = value_at(*value, config_.token_pointer);
  if (token_value != nullptr && token_value->is_null()) return ask_later(Duration::zero(), random, not_live);
  const auto token = text_at(config_.token_pointer);
  if (!token || token->empty()) {
    return Error{
        ErrorCode::invalid,
        fmt::format("the token endpoint's reply has no token at {} (token_pointer)", config_.token_pointer)};
  }
  if (config_.server_url_pointer.empty()) return LiveToken{*token, {}};
  const auto server_url = text_at(config_.server_url_pointer);
  if (!server_url) {
    return Error{ErrorCode::invalid,
                 fmt::format("the token endpoint's reply has no server URL at {} (url_pointer)",
                             config_.server_url_pointer)};
  }
  return LiveToken{*token, *server_url};
}

// Never earlier than told: the jitter only adds.
AskLater TokenEndpoint::ask_later(Duration at_least, Random& random, Error why) const {
  const Duration wait = std::max(config_.poll_interval, at_least);
  const auto extra = std::chrono::duration<double>(wait) * config_.jitter * random.unit();
  return {wait + std::chrono::duration_cast<Duration>(extra), std::move(why)};
}

}  // namespace holdfast::livekit

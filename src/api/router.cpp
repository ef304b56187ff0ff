#include "api/router.hpp"

#include <boost/json/array.hpp>
#include <optional>
#include <utility>

#include "api/archive_request.hpp"
#include "api/json.hpp"
#include "api/metrics.hpp"
#include "api/mint_id.hpp"
#include "base/text.hpp"

namespace holdfast::api {
namespace {

namespace json = boost::json;

// What follows `prefix` in the path: "" when it ends there, the segment when there is one more; nullopt:
// another path.
std::optional<std::string_view> segment_after(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  if (path.empty()) return path;
  if (!path.starts_with('/')) return std::nullopt;
  return path.substr(1);
}

HttpResponse method_not_allowed(std::string_view allowed) {
  HttpResponse response = error_response(405, fmt::format("this path accepts only {}", allowed));
  response.headers.push_back({"allow", std::string(allowed)});
  return response;
}

HttpResponse not_found() {
  return error_response(
      404,
      "unknown path; the paths are POST /api/recording/start/{mint_id}, /api/recording/stop/{mint_id}, "
      "/api/recording/split/{mint_id} and /api/recording/marker/{mint_id}, GET "
      "/api/recording/status/{mint_id}, /api/recording/active, /api/recording/formats, /api/recordings, "
      "/health, /ready and /metrics, PUT and DELETE /api/recordings/{recording_id}/protection, POST and "
      "DELETE /api/follow/{mint_id}, GET /api/follow, POST /api/livekit/webhook, and POST /whip/{mint_id}");
}

HttpResponse bad_mint_id(std::string_view given) {
  return error_response(422, fmt::format("\"{}\": mint_id {}", printable(given), mint_id_rule), "mint_id");
}

// The newest recording's fields; all of them under "recordings" where there are several. Never empty.
json::object list_json(const std::vector<recording::Status>& list) {
  json::object body = to_json(list.front());
  if (list.size() == 1) return body;
  json::array all;
  for (const recording::Status& status : list) all.emplace_back(to_json(status));
  body["recordings"] = std::move(all);
  return body;
}

HttpResponse unknown_recording(std::string_view mint_id) {
  return json_response(404, {{"success", false},
                             {"mint_id", mint_id},
                             {"state", "stopped"},
                             {"error", "no recording of this mint id is known"}});
}

HttpResponse not_followed(std::string_view mint_id) {
  return json_response(404,
                       {{"success", false},
                        {"mint_id", mint_id},
                        {"error", "this stream is not followed; POST /api/follow/{mint_id} to follow it"}});
}

// What a POST with a body must be like; nullopt: all right.
std::optional<HttpResponse> refuse_body(const IncomingRequest& request) {
  if (request.body.empty()) return std::nullopt;
  if (request.body.size() > Router::max_json_bytes)
    return error_response(413, "the body is larger than 64 KiB");
  const std::string_view type = request.header("content-type");
  if (!equals_ignoring_case(trim(type.substr(0, type.find(';'))), "application/json")) {
    return error_response(415, "send the body as Content-Type: application/json");
  }
  return std::nullopt;
}

std::string_view explain(Readiness readiness) {
  switch (readiness) {
    case Readiness::ready:
      return "ready";
    case Readiness::draining:
      return "draining";
    case Readiness::disk_full:
      return "disk_full";
    case Readiness::disk_failing:
      break;
  }
  return "disk_failing";
}

}  // namespace

Router::Router(Options options, Recorder& recorder, Follows& follows, whip::Endpoint& whip)
    : livekit_url_(std::move(options.livekit_url)),
      default_format_(options.default_format),
      guard_(std::move(options.guard)),
      recorder_(recorder),
      follows_(follows),
      whip_(whip) {}

void Router::handle(const IncomingRequest& request, HttpReply reply) {
  auto finish = [headers = guard_.cors_headers(request),
                 reply = std::move(reply)](HttpResponse response) mutable {
    response.headers.insert(response.headers.end(), headers.begin(), headers.end());
    response.headers.push_back({"cache-control", "no-store"});
    response.headers.push_back({"x-content-type-options", "nosniff"});
    reply(std::move(response));
  };
  if (!request.target.starts_with('/'))
    return finish(error_response(400, "the request target must be a path"));
  if (auto refused = guard_.check(request)) return finish(std::move(*refused));
  route(request, std::move(finish));
}

void Router::route(const IncomingRequest& request, HttpReply reply) {
  const std::string_view path = request.path();
  if (path.starts_with("/whip/")) return route_whip(path.substr(6), request, std::move(reply));
  if (path.starts_with("/api/")) return route_api(request, std::move(reply));
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (path != "/health" && path != "/ready" && path != "/metrics") return reply(not_found());
  if (!is_get) return reply(method_not_allowed("GET"));
  if (path == "/health") return reply(json_response(200, {{"success", true}, {"status", "ok"}}));
  reply(path == "/ready" ? ready() : metrics());
}

void Router::route_api(const IncomingRequest& request, HttpReply reply) {
  const std::string_view path = request.path();
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  // Options are JSON; one that is misplaced must not be overlooked.
  const auto refuse_query = [&] { return path.size() != request.target.size(); };
  constexpr std::string_view no_query = "this path accepts no query: send options as fields of a JSON body";

  using Post = void (Router::*)(std::string_view, const IncomingRequest&, HttpReply);
  for (const auto& [prefix, handler] :
       {std::pair<std::string_view, Post>{"/api/recording/start", &Router::start},
        {"/api/recording/stop", &Router::stop},
        {"/api/recording/split", &Router::split},
        {"/api/recording/marker", &Router::mark}}) {
    const auto segment = segment_after(path, prefix);
    if (!segment) continue;
    if (request.method != "POST") return reply(method_not_allowed("POST"));
    if (refuse_query()) return reply(error_response(400, no_query));
    if (auto refused = refuse_body(request)) return reply(std::move(*refused));
    const bool in_path = path.size() != prefix.size();
    const auto mint_id = percent_decode(*segment);
    if (in_path && (!mint_id || !is_valid_mint_id(*mint_id))) return reply(bad_mint_id(*segment));
    return (this->*handler)(*mint_id, request, std::move(reply));
  }

  if (path == webhook_path) {
    return reply(request.method == "POST" ? webhook(request) : method_not_allowed("POST"));
  }
  if (const auto segment = segment_after(path, "/api/follow")) {
    if (refuse_query()) return reply(error_response(400, no_query));
    if (path == "/api/follow/") return reply(bad_mint_id({}));
    return route_follow(*segment, request, std::move(reply));
  }

  if (const auto segment = segment_after(path, "/api/recordings"); segment && !segment->empty()) {
    if (refuse_query()) return reply(error_response(400, no_query));
    return protect(*segment, request, std::move(reply));
  }

  const auto status_of = segment_after(path, "/api/recording/status");
  const bool known = (status_of && !status_of->empty()) || path == "/api/recording/active" ||
                     path == "/api/recording/formats" || path == "/api/recordings";
  if (!known) return reply(not_found());
  if (!is_get) return reply(method_not_allowed("GET"));
  if (path == "/api/recordings") return recordings(request, std::move(reply));
  if (refuse_query()) return reply(error_response(400, no_query));
  if (path == "/api/recording/active") return reply(active());
  if (path == "/api/recording/formats") return reply(json_response(200, formats_json(default_format_)));
  const auto mint_id = percent_decode(*status_of);
  if (!mint_id || !is_valid_mint_id(*mint_id)) return reply(bad_mint_id(*status_of));
  reply(status(*mint_id));
}

void Router::route_whip(std::string_view rest, const IncomingRequest& request, HttpReply reply) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const auto mint_id = percent_decode(rest.substr(0, slash));
  if (!mint_id || !is_valid_mint_id(*mint_id)) return reply(bad_mint_id(rest.substr(0, slash)));
  const std::string_view session_id = rest.substr(std::min(slash + 1, rest.size()));
  if (slash != rest.size() && session_id.empty()) return reply(not_found());
  whip_.handle(*mint_id, session_id, request, std::move(reply));
}

void Router::start(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  auto parsed = parse_start_request(mint_id, request.body);
  if (!parsed)
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  if (is_stranger(*parsed) && parsed->token.empty()) {
    return reply(error_response(
        422, "a livekit_url other than the configured one requires a token in the request", "token"));
  }
  auto started = [this, mint_id = parsed->mint_id,
                  reply = std::move(reply)](Result<recording::Status> result) mutable {
    if (result) {
      HttpResponse response = json_response(201, to_json(*result));
      response.headers.push_back({"location", "/api/recording/status/" + mint_id});
      return reply(std::move(response));
    }
    const auto running = recorder_.status(mint_id);
    if (result.error().code != ErrorCode::conflict || running.empty())
      return reply(error_response(result.error()));
    json::object body = to_json(running.front());
    body["success"] = false;
    body["error"] = result.error().message;
    reply(json_response(409, body));
  };
  recorder_.start(std::move(*parsed), std::move(started));
}

void Router::stop(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  auto parsed = parse_stop_request(mint_id, request.body);
  if (!parsed)
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  auto stopped = [mint_id = *parsed,
                  reply = std::move(reply)](Result<std::vector<recording::Status>> result) mutable {
    if (result && !result->empty()) return reply(json_response(200, list_json(*result)));
    if (result || result.error().code == ErrorCode::not_found) return reply(unknown_recording(mint_id));
    reply(error_response(result.error()));
  };
  recorder_.stop(*parsed, std::move(stopped));
}

void Router::split(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  const auto parsed = parse_stop_request(mint_id, request.body);
  if (!parsed)
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  const auto splitting = recorder_.split(*parsed);
  reply(splitting ? json_response(200, list_json(*splitting)) : error_response(splitting.error()));
}

bool Router::is_stranger(const StartRequest& request) const {
  return !request.livekit_url.empty() && request.livekit_url != livekit_url_;
}

// `segment` is what follows /api/follow: the mint id, or nothing.
void Router::route_follow(std::string_view segment, const IncomingRequest& request, HttpReply reply) {
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  const auto mint_id = percent_decode(segment);
  if (!segment.empty() && (!mint_id || !is_valid_mint_id(*mint_id))) return reply(bad_mint_id(segment));
  if (request.method == "POST") {
    if (auto refused = refuse_body(request)) return reply(std::move(*refused));
    return follow(*mint_id, request, std::move(reply));
  }
  if (segment.empty()) return reply(is_get ? follows() : method_not_allowed("GET, POST"));
  if (request.method == "DELETE") return unfollow(*mint_id, std::move(reply));
  if (!is_get) return reply(method_not_allowed("GET, POST, DELETE"));
  const auto status = follows_.followed(*mint_id);
  reply(status ? json_response(200, to_json(*status)) : not_followed(*mint_id));
}

void Router::follow(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  auto parsed = parse_follow_request(mint_id, request.body);
  if (!parsed)
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  if (is_stranger(*parsed)) {
    return reply(
        error_response(422, "only streams of the configured livekit_url can be followed", "livekit_url"));
  }
  follows_.follow(
      *parsed, [this, followed = parsed->mint_id, reply = std::move(reply)](Result<Novelty> result) mutable {
        if (!result) return reply(error_response(result.error()));
        const auto status = follows_.followed(followed);
        if (!status) return reply(not_followed(followed));  // unfollowed meanwhile
        HttpResponse response = json_response(*result == Novelty::added ? 201 : 200, to_json(*status));
        response.headers.push_back({"location", "/api/follow/" + followed});
        reply(std::move(response));
      });
}

void Router::unfollow(const std::string& mint_id, HttpReply reply) {
  follows_.unfollow(mint_id, [mint_id, reply = std::move(reply)](Result<void> result) mutable {
    if (result) return reply(json_response(200, {{"success", true}, {"mint_id", mint_id}}));
    reply(result.error().code == ErrorCode::not_found ? not_followed(mint_id)
                                                      : error_response(result.error()));
  });
}

HttpResponse Router::follows() const {
  json::array all;
  for (const FollowStatus& status : follows_.follows()) {
    json::object follow = to_json(status);
    follow.erase("success");
    all.emplace_back(std::move(follow));
  }
  const std::size_t count = all.size();
  const std::string_view problem = follows_.follows_problem();
  return json_response(200, {{"success", true},
                             {"count", count},
                             {"follows", std::move(all)},
                             {"problem", problem.empty() ? json::value() : json::value(problem)}});
}

HttpResponse Router::webhook(const IncomingRequest& request) {
  const auto taken = follows_.handle_webhook(request.header("authorization"), request.body);
  if (taken) return json_response(200, {{"success", true}});
  switch (taken.error().code) {
    case ErrorCode::refused:
      return error_response(401, taken.error().message);
    case ErrorCode::unsupported:
      return error_response(404, taken.error().message);
    default:
      return error_response(taken.error());
  }
}

HttpResponse Router::status(std::string_view mint_id) const {
  const auto list = recorder_.status(mint_id);
  return list.empty() ? unknown_recording(mint_id) : json_response(200, list_json(list));
}

HttpResponse Router::active() const {
  json::array all;
  for (const recording::Status& status : recorder_.active()) all.emplace_back(to_json(status));
  const std::size_t count = all.size();
  return json_response(200, {{"success", true}, {"count", count}, {"recordings", std::move(all)}});
}

void Router::recordings(const IncomingRequest& request, HttpReply reply) {
  const std::string_view target = request.target;
  const std::string_view query = target.substr(std::min(request.path().size() + 1, target.size()));
  auto parsed = parse_recordings_query(query);
  if (!parsed) {
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  }
  recorder_.recordings(std::move(*parsed), [reply = std::move(reply)](Result<archive::Page> page) mutable {
    if (!page) return reply(error_response(page.error()));
    reply(json_response(200, to_json(*page)));
  });
}

// `rest` is what follows /api/recordings/.
void Router::protect(std::string_view rest, const IncomingRequest& request, HttpReply reply) {
  constexpr std::string_view word = "/protection";
  if (!rest.ends_with(word)) return reply(not_found());
  auto recording_id = percent_decode(rest.substr(0, rest.size() - word.size()));
  if (!recording_id || recording_id->empty()) return reply(not_found());
  const bool on = request.method == "PUT";
  if (!on && request.method != "DELETE") return reply(method_not_allowed("PUT, DELETE"));
  if (!request.body.empty()) return reply(error_response(400, "this request accepts no body"));
  auto done = [recording_id = *recording_id, on, reply = std::move(reply)](Result<void> result) mutable {
    if (!result) return reply(error_response(result.error()));
    reply(json_response(200, {{"success", true}, {"recording_id", recording_id}, {"protected", on}}));
  };
  recorder_.protect(std::move(*recording_id), on ? Protection::on : Protection::off, std::move(done));
}

void Router::mark(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  auto parsed = parse_marker_request(mint_id, request.body);
  if (!parsed) {
    return reply(error_response(parsed.error().status, parsed.error().message, parsed.error().field));
  }
  auto marked = [mint_id = parsed->mint_id,
                 reply = std::move(reply)](const Result<std::vector<std::string>>& ids) mutable {
    if (!ids) return reply(error_response(ids.error()));
    json::array all(ids->begin(), ids->end());
    reply(json_response(200, {{"success", true}, {"mint_id", mint_id}, {"recording_ids", std::move(all)}}));
  };
  recorder_.mark(std::move(parsed->mint_id), std::move(parsed->text), std::move(marked));
}

HttpResponse Router::ready() const {
  const Readiness readiness = recorder_.readiness();
  const bool ready = readiness == Readiness::ready;
  return json_response(ready ? 200 : 503, {{"success", ready}, {"status", explain(readiness)}});
}

HttpResponse Router::metrics() const {
  ProcessMetrics process = recorder_.metrics();
  process.follows = follows_.follow_metrics();
  return {200,
          {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
          render_metrics(recorder_.active(), recorder_.totals(), process)};
}

}  // namespace holdfast::api

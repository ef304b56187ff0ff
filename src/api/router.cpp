#include "api/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <optional>
#include <utility>
#include <variant>

#include "api/archive_request.hpp"
#include "api/json.hpp"
#include "api/metrics.hpp"
#include "base/text.hpp"
#include "control/mint_id.hpp"
#include "control/start_request_json.hpp"

namespace holdfast::api {
namespace {

namespace json = boost::json;

std::string join(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

HttpResponse method_not_allowed(const std::vector<std::string_view>& allowed) {
  HttpResponse response = error_response(405, "this path accepts only " + join(allowed));
  response.headers.push_back({"allow", join(allowed)});
  return response;
}

HttpResponse bad_mint_id(std::string_view given) {
  return error_response(422, fmt::format("\"{}\": mint_id {}", printable(given), control::mint_id_rule),
                        "mint_id");
}

std::string_view query_of(const IncomingRequest& request) {
  const std::string_view target = request.target;
  return target.substr(std::min(request.path().size() + 1, target.size()));
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

std::string_view explain(control::Readiness readiness) {
  switch (readiness) {
    case control::Readiness::ready:
      return "ready";
    case control::Readiness::draining:
      return "draining";
    case control::Readiness::disk_full:
      return "disk_full";
    case control::Readiness::disk_failing:
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

// The whole API. docs/openapi.yaml describes it, and a test compares the two.
struct Router::Line {
  Route route;
  void (Router::*handle)(const Call& call, HttpReply reply);
};
const std::array<Router::Line, 27> Router::lines{{
    {{"POST", "/api/recording/start/{mint_id}", Access::api_token, Query::refused, Body::json},
     &Router::start},
    {{"POST", "/api/recording/start", Access::api_token, Query::refused, Body::json}, &Router::start},
    {{"POST", "/api/recording/stop/{mint_id}", Access::api_token, Query::refused, Body::json}, &Router::stop},
    {{"POST", "/api/recording/stop", Access::api_token, Query::refused, Body::json}, &Router::stop},
    {{"POST", "/api/recording/split/{mint_id}", Access::api_token, Query::refused, Body::json},
     &Router::split},
    {{"POST", "/api/recording/split", Access::api_token, Query::refused, Body::json}, &Router::split},
    {{"POST", "/api/recording/marker/{mint_id}", Access::api_token, Query::refused, Body::json},
     &Router::mark},
    {{"POST", "/api/recording/marker", Access::api_token, Query::refused, Body::json}, &Router::mark},
    {{"GET", "/api/recording/status/{mint_id}"}, &Router::status},
    {{"GET", "/api/recording/active"}, &Router::active},
    {{"GET", "/api/recording/formats"}, &Router::formats},
    {{"GET", "/api/recordings", Access::api_token, Query::accepted}, &Router::recordings},
    {{"GET", "/api/recordings/{recording_id}/media", Access::api_token, Query::accepted}, &Router::media},
    {{"PUT", "/api/recordings/{recording_id}/protection"}, &Router::protect},
    {{"DELETE", "/api/recordings/{recording_id}/protection"}, &Router::protect},
    {{"GET", "/api/follow"}, &Router::follows},
    {{"POST", "/api/follow", Access::api_token, Query::refused, Body::json}, &Router::follow},
    {{"GET", "/api/follow/{mint_id}"}, &Router::followed},
    {{"POST", "/api/follow/{mint_id}", Access::api_token, Query::refused, Body::json}, &Router::follow},
    {{"DELETE", "/api/follow/{mint_id}", Access::api_token, Query::refused, Body::other}, &Router::unfollow},
    {{"POST", webhook_path, Access::signature, Query::accepted, Body::other}, &Router::webhook},
    {{"GET", "/health", Access::open, Query::accepted}, &Router::health},
    {{"GET", "/ready", Access::open, Query::accepted}, &Router::ready},
    {{"GET", "/metrics", Access::api_token, Query::accepted}, &Router::metrics},
    {{"POST", "/whip/{mint_id}", Access::whip_token, Query::accepted, Body::other}, &Router::whip},
    {{"PATCH", "/whip/{mint_id}/{session_id}", Access::whip_token, Query::accepted, Body::other},
     &Router::whip},
    {{"DELETE", "/whip/{mint_id}/{session_id}", Access::whip_token, Query::accepted, Body::other},
     &Router::whip},
}};

std::vector<Route> Router::routes() {
  std::vector<Route> all;
  all.reserve(lines.size());
  for (const Line& line : lines) all.push_back(line.route);
  return all;
}

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
  route(request, std::move(finish));
}

const Router::Line* Router::find(const IncomingRequest& request) {
  const Line* whip = nullptr;
  for (const Line& line : lines) {
    if (!match(line.route.pattern, request.path())) continue;
    if (accepts(line.route, request.method)) return &line;
    if (line.route.access == Access::whip_token) whip = &line;
  }
  return whip;  // it answers for its other methods itself (RFC 9725 section 4.1)
}

// A stranger does not even learn what there is.
Access Router::access_to(const IncomingRequest& request) {
  if (const Line* line = find(request)) return line->route.access;
  if (request.path().starts_with("/whip/")) return Access::whip_token;
  const bool probe = std::ranges::any_of(lines, [&](const Line& line) {
    return line.route.access == Access::open && match(line.route.pattern, request.path());
  });
  return probe ? Access::open : Access::api_token;
}

void Router::route(const IncomingRequest& request, HttpReply reply) {
  if (auto refused = guard_.check(request, access_to(request))) return reply(std::move(*refused));
  if (const Line* line = find(request)) return serve(*line, request, std::move(reply));
  std::vector<std::string_view> methods;
  for (const Line& line : lines) {
    if (match(line.route.pattern, request.path())) methods.push_back(line.route.method);
  }
  reply(methods.empty() ? unknown_path() : method_not_allowed(methods));
}

void Router::serve(const Line& line, const IncomingRequest& request, HttpReply reply) {
  if (line.route.query == Query::refused && request.path().size() != request.target.size()) {
    // Options are JSON; one that is misplaced must not be overlooked.
    return reply(error_response(400, "this path accepts no query: send options as fields of a JSON body"));
  }
  if (line.route.body == Body::none && !request.body.empty() && request.method != "GET" &&
      request.method != "HEAD")
    return reply(error_response(400, "this request accepts no body"));
  if (line.route.body == Body::json) {
    if (auto refused = refuse_body(request)) return reply(std::move(*refused));
  }
  const PathParameters parameters = *match(line.route.pattern, request.path());
  const auto mint_id = percent_decode(parameters.mint_id);
  if (line.route.pattern.contains("{mint_id}") && (!mint_id || !control::is_valid_mint_id(*mint_id)))
    return reply(bad_mint_id(parameters.mint_id));
  const auto recording_id = percent_decode(parameters.recording_id);
  if (!recording_id) return reply(unknown_path());
  (this->*line.handle)({request, mint_id.value_or(""), *recording_id, parameters.session_id},
                       std::move(reply));
}

HttpResponse Router::unknown_path() {
  std::vector<std::string> known;
  known.reserve(lines.size());
  for (const Line& line : lines) known.push_back(fmt::format("{} {}", line.route.method, line.route.pattern));
  return error_response(404, fmt::format("unknown path; the paths are {}", fmt::join(known, ", ")));
}

void Router::start(const Call& call, HttpReply reply) {
  auto parsed = control::parse_start_request(call.mint_id, call.request.body);
  if (!parsed) return reply(error_response(parsed.error()));
  if (is_stranger(*parsed) && parsed->token.empty()) {
    return reply(error_response(
        422, "a livekit_url other than the configured one requires a token in the request", "token"));
  }
  const auto started = recorder_.start(*parsed);
  if (started) {
    HttpResponse response =
        json_response(201, std::visit([](const auto& status) { return to_json(status); }, *started));
    response.headers.push_back({"location", "/api/recording/status/" + parsed->mint_id});
    return reply(std::move(response));
  }
  const auto running = recorder_.status(parsed->mint_id);
  const auto watch = recorder_.watch(parsed->mint_id);
  if (started.error().code != ErrorCode::conflict || (running.empty() && !watch))
    return reply(error_response(started.error()));
  const bool shows_watch = running.empty() || (watch && watch->state == control::WatchState::watching &&
                                               !is_active(running.front().state));
  json::object body = shows_watch ? to_json(*watch) : to_json(running.front());
  body["success"] = false;
  body["error"] = started.error().message;
  reply(json_response(409, body));
}

void Router::stop(const Call& call, HttpReply reply) {
  auto parsed = control::parse_stop_request(call.mint_id, call.request.body);
  if (!parsed) return reply(error_response(parsed.error()));
  recorder_.stop(*parsed,
                 [mint_id = *parsed, reply = std::move(reply)](Result<control::Stopped> stopped) mutable {
                   if (stopped)
                     return reply(json_response(200, stream_json(stopped->recordings, stopped->watch)));
                   if (stopped.error().code == ErrorCode::not_found) return reply(unknown_recording(mint_id));
                   reply(error_response(stopped.error()));
                 });
}

void Router::split(const Call& call, HttpReply reply) {
  const auto parsed = control::parse_stop_request(call.mint_id, call.request.body);
  if (!parsed) return reply(error_response(parsed.error()));
  const auto splitting = recorder_.split(*parsed);
  reply(splitting ? json_response(200, list_json(*splitting)) : error_response(splitting.error()));
}

bool Router::is_stranger(const control::StartRequest& request) const {
  return !request.livekit_url.empty() && request.livekit_url != livekit_url_;
}

void Router::followed(const Call& call, HttpReply reply) {
  const auto status = follows_.followed(call.mint_id);
  reply(status ? json_response(200, to_json(*status)) : not_followed(call.mint_id));
}

void Router::follow(const Call& call, HttpReply reply) {
  auto parsed = control::parse_follow_request(call.mint_id, call.request.body);
  if (!parsed) return reply(error_response(parsed.error()));
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

void Router::unfollow(const Call& call, HttpReply reply) {
  follows_.unfollow(call.mint_id,
                    [mint_id = call.mint_id, reply = std::move(reply)](Result<void> result) mutable {
                      if (result) return reply(json_response(200, {{"success", true}, {"mint_id", mint_id}}));
                      reply(result.error().code == ErrorCode::not_found ? not_followed(mint_id)
                                                                        : error_response(result.error()));
                    });
}

void Router::follows(const Call&, HttpReply reply) {
  json::array all;
  for (const FollowStatus& status : follows_.follows()) {
    json::object follow = to_json(status);
    follow.erase("success");
    all.emplace_back(std::move(follow));
  }
  const std::size_t count = all.size();
  const std::string_view problem = follows_.follows_problem();
  reply(json_response(200, {{"success", true},
                            {"count", count},
                            {"follows", std::move(all)},
                            {"problem", problem.empty() ? json::value() : json::value(problem)}}));
}

void Router::webhook(const Call& call, HttpReply reply) {
  const auto taken = follows_.handle_webhook(call.request.header("authorization"), call.request.body);
  if (taken) return reply(json_response(200, {{"success", true}}));
  switch (taken.error().code) {
    case ErrorCode::refused:
      return reply(error_response(401, taken.error().message));
    case ErrorCode::unsupported:
      return reply(error_response(404, taken.error().message));
    default:
      return reply(error_response(taken.error()));
  }
}

void Router::status(const Call& call, HttpReply reply) {
  const auto list = recorder_.status(call.mint_id);
  const auto watch = recorder_.watch(call.mint_id);
  if (list.empty() && !watch) return reply(unknown_recording(call.mint_id));
  reply(json_response(200, stream_json(list, watch)));
}

void Router::formats(const Call&, HttpReply reply) {
  reply(json_response(200, formats_json(default_format_)));
}

void Router::active(const Call&, HttpReply reply) {
  json::array all;
  for (const recording::Status& status : recorder_.active()) all.emplace_back(to_json(status));
  json::array watches;
  for (const control::WatchStatus& status : recorder_.watches()) watches.emplace_back(part_json(status));
  const std::size_t count = all.size();
  reply(json_response(200, {{"success", true},
                            {"count", count},
                            {"recordings", std::move(all)},
                            {"watches", std::move(watches)}}));
}

void Router::recordings(const Call& call, HttpReply reply) {
  auto parsed = parse_recordings_query(query_of(call.request));
  if (!parsed) return reply(error_response(parsed.error()));
  recorder_.recordings(std::move(*parsed), [reply = std::move(reply)](Result<archive::Page> page) mutable {
    if (!page) return reply(error_response(page.error()));
    reply(json_response(200, to_json(*page)));
  });
}

void Router::media(const Call& call, HttpReply reply) {
  const auto part = parse_media_query(query_of(call.request));
  if (!part) return reply(error_response(part.error()));
  recorder_.media(call.recording_id, *part,
                  [request = call.request, reply = std::move(reply)](Result<MediaFile> file) mutable {
                    reply(file ? media_response(request, *file) : error_response(file.error()));
                  });
}

void Router::protect(const Call& call, HttpReply reply) {
  const bool on = call.request.method == "PUT";
  auto done = [recording_id = call.recording_id, on, reply = std::move(reply)](Result<void> result) mutable {
    if (!result) return reply(error_response(result.error()));
    reply(json_response(200, {{"success", true}, {"recording_id", recording_id}, {"protected", on}}));
  };
  recorder_.protect(call.recording_id, on ? archive::Protection::on : archive::Protection::off,
                    std::move(done));
}

void Router::mark(const Call& call, HttpReply reply) {
  auto parsed = parse_marker_request(call.mint_id, call.request.body);
  if (!parsed) return reply(error_response(parsed.error()));
  auto marked = [mint_id = parsed->mint_id,
                 reply = std::move(reply)](const Result<std::vector<std::string>>& ids) mutable {
    if (!ids) return reply(error_response(ids.error()));
    json::array all(ids->begin(), ids->end());
    reply(json_response(200, {{"success", true}, {"mint_id", mint_id}, {"recording_ids", std::move(all)}}));
  };
  recorder_.mark(std::move(parsed->mint_id), std::move(parsed->text), std::move(marked));
}

void Router::health(const Call&, HttpReply reply) {
  reply(json_response(200, {{"success", true}, {"status", "ok"}}));
}

void Router::ready(const Call&, HttpReply reply) {
  const control::Readiness readiness = recorder_.readiness();
  const bool ready = readiness == control::Readiness::ready;
  reply(json_response(ready ? 200 : 503, {{"success", ready}, {"status", explain(readiness)}}));
}

void Router::metrics(const Call&, HttpReply reply) {
  ProcessMetrics process = recorder_.metrics();
  process.follows = follows_.follow_metrics();
  reply({200,
         {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
         render_metrics(recorder_.active(), recorder_.totals(), process)});
}

void Router::whip(const Call& call, HttpReply reply) {
  whip_.handle(call.mint_id, call.session_id, call.request, std::move(reply));
}

}  // namespace holdfast::api

#include "whip/endpoint.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/text.hpp"

namespace holdfast::whip {
namespace {

constexpr std::string_view sdp_type = "application/sdp";
constexpr std::string_view fragment_type = "application/trickle-ice-sdpfrag";

// Publishers show the body of an error to people as it is.
HttpResponse text_response(int status, std::string message) {
  message += '\n';
  return {status, {{"content-type", "text/plain; charset=utf-8"}}, std::move(message)};
}

HttpResponse method_not_allowed(std::string_view allowed, std::string message) {
  HttpResponse response = text_response(405, std::move(message));
  response.headers.push_back({"allow", std::string(allowed)});
  return response;
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::unsupported:
      return 422;
    case ErrorCode::refused:
      return 403;
    case ErrorCode::unavailable:
    case ErrorCode::exhausted:
    case ErrorCode::io:
      return 503;
    case ErrorCode::internal:
      break;
  }
  return 500;
}

HttpResponse error_response(const Error& error) {
  HttpResponse response = text_response(http_status(error.code), error.message);
  if (response.status == 503) response.headers.push_back({"retry-after", "5"});
  return response;
}

// "application/sdp; charset=utf-8" is application/sdp (RFC 9110 section 8.3.1).
std::string_view media_type(std::string_view field) {
  return trim(field.substr(0, field.find(';')));
}

// RFC 9110 section 12.5.1, without weights: a client that names types must name ours.
bool accepts_sdp(const IncomingRequest& request) {
  const std::string_view accept = request.header("accept");
  if (accept.empty()) return true;
  for (const std::string_view range : split(accept, ',')) {
    const std::string_view type = media_type(range);
    if (type == "*/*" || type == "application/*" || equals_ignoring_case(type, sdp_type)) return true;
  }
  return false;
}

std::string location(std::string_view mint_id, std::string_view session_id) {
  return fmt::format("/whip/{}/{}", mint_id, session_id);
}

}  // namespace

void Endpoint::handle(std::string_view mint_id, std::string_view session_id, const IncomingRequest& request,
                      HttpReply reply) {
  const std::string_view method = request.method;
  if (session_id.empty()) {
    if (method == "POST") return handle_offer(mint_id, request, std::move(reply));
    if (method == "OPTIONS") {
      // Section 4.2: says what may be posted.
      return reply({204, {{"allow", "POST, OPTIONS"}, {"accept-post", std::string(sdp_type)}}, {}});
    }
    // Section 4.2: GET, HEAD and PUT are kept for the future.
    return reply(method_not_allowed("POST, OPTIONS", "This is a WHIP endpoint: POST an SDP offer to it."));
  }
  const auto session = sessions_.find(session_id);
  if (session == sessions_.end() || session->second.mint_id != mint_id) {
    return reply(text_response(404, "No such WHIP session: it has ended or never existed."));
  }
  if (method == "PATCH") return handle_patch(session->first, session->second, request, std::move(reply));
  if (method == "DELETE") return handle_delete(session->first, std::move(reply));
  if (method == "OPTIONS") {
    return reply(
        {204, {{"allow", "PATCH, DELETE, OPTIONS"}, {"accept-patch", std::string(fragment_type)}}, {}});
  }
  reply(method_not_allowed("PATCH, DELETE, OPTIONS",
                           "This is a WHIP session: PATCH candidates to it, or DELETE it."));
}

void Endpoint::handle_offer(std::string_view mint_id, const IncomingRequest& request, HttpReply reply) {
  if (!equals_ignoring_case(media_type(request.header("content-type")), sdp_type)) {
    HttpResponse response = text_response(415, "Send an SDP offer as Content-Type: application/sdp.");
    response.headers.push_back({"accept-post", std::string(sdp_type)});
    return reply(std::move(response));
  }
  if (!accepts_sdp(request))
    return reply(
        text_response(406, "The response is application/sdp, which the Accept header field does not allow."));
  if (request.body.size() > max_offer_bytes)
    return reply(text_response(413, "The SDP offer is larger than 256 KiB."));
  auto parsed = parse_fragment(request.body);
  if (!parsed || !request.body.starts_with("v=0"))
    return reply(text_response(400, "The body is not an SDP offer."));
  if (parsed->ufrag.empty() || parsed->pwd.empty()) {
    return reply(text_response(400, "The SDP offer has no ice-ufrag or no ice-pwd."));
  }

  Session session{std::string(mint_id), '"' + make_id() + '"', std::move(parsed->ufrag)};
  std::string id = make_id();
  Offer offer{id, session.mint_id, request.body};
  auto answered = [this, id = std::move(id), session = std::move(session),
                   reply = std::move(reply)](Result<std::string> answer) mutable {
    if (!answer) return reply(error_response(answer.error()));
    HttpResponse response{201,
                          {{"content-type", std::string(sdp_type)},
                           {"location", location(session.mint_id, id)},
                           {"etag", session.etag},
                           {"accept-patch", std::string(fragment_type)}},
                          std::move(*answer)};
    sessions_.emplace(std::move(id), std::move(session));
    reply(std::move(response));
  };
  ingest_.offer(std::move(offer), std::move(answered));
}

void Endpoint::handle_patch(const std::string& session_id, const Session& session,
                            const IncomingRequest& request, HttpReply reply) {
  if (!equals_ignoring_case(media_type(request.header("content-type")), fragment_type)) {
    HttpResponse response =
        text_response(415, "Send candidates as Content-Type: application/trickle-ice-sdpfrag.");
    response.headers.push_back({"accept-patch", std::string(fragment_type)});
    return reply(std::move(response));
  }
  if (request.body.size() > max_fragment_bytes)
    return reply(text_response(413, "The SDP fragment is larger than 64 KiB."));

  // Section 4.3.1: trickling names the ICE session by its entity-tag, "*" asks for a new one.
  const std::string_view if_match = request.header("if-match");
  if (if_match.empty()) return reply(text_response(428, "Send the session's ETag as If-Match."));
  const bool restarts = if_match == "*";
  if (!restarts && if_match != session.etag)
    return reply(text_response(412, "If-Match does not match the ETag of the session."));

  auto fragment = parse_fragment(request.body);
  if (!fragment) return reply(text_response(400, "The body is not an SDP fragment (RFC 8840)."));
  if (restarts) return handle_restart(session_id, std::move(*fragment), std::move(reply));
  if (!fragment->ufrag.empty() && fragment->ufrag != session.ufrag) {
    return reply(
        text_response(422, "These are not the session's ICE credentials; send If-Match: * to restart ICE."));
  }
  ingest_.trickle(session_id, std::move(*fragment), [reply = std::move(reply)](Result<void> done) mutable {
    reply(done ? HttpResponse{204, {}, {}} : error_response(done.error()));
  });
}

void Endpoint::handle_restart(const std::string& session_id, Fragment fragment, HttpReply reply) {
  if (fragment.ufrag.empty() || fragment.pwd.empty() || fragment.media.empty()) {
    return reply(text_response(
        400, "An ICE restart needs an m-line with ice-ufrag and ice-pwd (RFC 9725 section 4.3.2)."));
  }
  const std::string ufrag = fragment.ufrag;
  ingest_.restart_ice(
      session_id, std::move(fragment),
      [this, id = session_id, ufrag, reply = std::move(reply)](const Result<Fragment>& ours) mutable {
        if (!ours) return reply(error_response(ours.error()));
        const auto session = sessions_.find(id);
        if (session == sessions_.end()) return reply(text_response(404, "The WHIP session has ended."));
        session->second.ufrag = ufrag;
        session->second.etag = '"' + make_id() + '"';
        reply({200,
               {{"content-type", std::string(fragment_type)}, {"etag", session->second.etag}},
               serialize_fragment(*ours)});
      });
}

void Endpoint::handle_delete(const std::string& session_id, HttpReply reply) {
  // Gone at once, whatever closing it takes: a second DELETE is answered 404.
  const auto session = sessions_.extract(session_id);
  ingest_.close(session.key(), [reply = std::move(reply)](Result<void> done) mutable {
    reply(done ? HttpResponse{200, {}, {}} : error_response(done.error()));
  });
}

void Endpoint::forget(std::string_view session_id) {
  if (const auto session = sessions_.find(session_id); session != sessions_.end()) sessions_.erase(session);
}

// 128 bits, not to be guessed.
std::string Endpoint::make_id() {
  return fmt::format("{:016x}{:016x}", random_.next_u64(), random_.next_u64());
}

}  // namespace holdfast::whip

#pragma once

#include <string>
#include <string_view>

#include "api/guard.hpp"
#include "api/recorder.hpp"
#include "base/http_exchange.hpp"
#include "whip/endpoint.hpp"

namespace holdfast::api {

// The HTTP API: request value in, response value out, at once or later; no sockets. docs/openapi.yaml says
// what it answers. Every answer but 204s, WHIP's SDP and the metrics is a JSON object with `success`; every
// error says what to do about it. Control thread. The recorder and the endpoint outlive the router; the
// router outlives every reply.
class Router {
 public:
  static constexpr std::size_t max_json_bytes = 64 << 10;

  struct Options {
    Guard::Options guard;
    // A request may name another server than this one only if it brings a token: ours are not for strangers.
    std::string livekit_url;
    container::Format default_format = container::Format::mpegts;
  };

  Router(Options options, Recorder& recorder, Follows& follows, whip::Endpoint& whip);

  void handle(const IncomingRequest& request, HttpReply reply);

 private:
  void route(const IncomingRequest& request, HttpReply reply);
  void route_api(const IncomingRequest& request, HttpReply reply);
  void route_whip(std::string_view rest, const IncomingRequest& request, HttpReply reply);
  void start(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  void stop(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  void split(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  void route_follow(std::string_view segment, const IncomingRequest& request, HttpReply reply);
  void follow(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  void unfollow(const std::string& mint_id, HttpReply reply);
  HttpResponse follows() const;
  HttpResponse webhook(const IncomingRequest& request);
  // Our own tokens are not for a server that somebody else named.
  bool is_stranger(const StartRequest& request) const;
  HttpResponse status(std::string_view mint_id) const;
  HttpResponse active() const;
  void recordings(const IncomingRequest& request, HttpReply reply);
  void protect(std::string_view rest, const IncomingRequest& request, HttpReply reply);
  void mark(std::string_view mint_id, const IncomingRequest& request, HttpReply reply);
  HttpResponse ready() const;
  HttpResponse metrics() const;

  const std::string livekit_url_;
  const container::Format default_format_;
  const Guard guard_;
  Recorder& recorder_;
  Follows& follows_;
  whip::Endpoint& whip_;
};

}  // namespace holdfast::api

#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "api/guard.hpp"
#include "api/recorder.hpp"
#include "api/route.hpp"
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

  // All of them, in the order of docs/openapi.yaml.
  static std::vector<Route> routes();
  // Who may ask this.
  static Access access_to(const IncomingRequest& request);

 private:
  // A request whose path was taken apart.
  struct Call {
    const IncomingRequest& request;
    std::string mint_id;  // valid, or empty: the pattern has none
    std::string recording_id;
    std::string_view session_id;
  };
  struct Line;
  static const std::array<Line, 27> lines;

  void route(const IncomingRequest& request, HttpReply reply);
  void serve(const Line& line, const IncomingRequest& request, HttpReply reply);
  // The line that answers it; null: none does.
  static const Line* find(const IncomingRequest& request);
  static HttpResponse unknown_path();

  void start(const Call& call, HttpReply reply);
  void stop(const Call& call, HttpReply reply);
  void split(const Call& call, HttpReply reply);
  void mark(const Call& call, HttpReply reply);
  void status(const Call& call, HttpReply reply);
  void active(const Call& call, HttpReply reply);
  void formats(const Call& call, HttpReply reply);
  void recordings(const Call& call, HttpReply reply);
  void media(const Call& call, HttpReply reply);
  void protect(const Call& call, HttpReply reply);
  void follow(const Call& call, HttpReply reply);
  void followed(const Call& call, HttpReply reply);
  void follows(const Call& call, HttpReply reply);
  void unfollow(const Call& call, HttpReply reply);
  void webhook(const Call& call, HttpReply reply);
  void health(const Call& call, HttpReply reply);
  void ready(const Call& call, HttpReply reply);
  void metrics(const Call& call, HttpReply reply);
  void whip(const Call& call, HttpReply reply);
  // Our own tokens are not for a server that somebody else named.
  bool is_stranger(const control::StartRequest& request) const;

  const std::string livekit_url_;
  const container::Format default_format_;
  const Guard guard_;
  Recorder& recorder_;
  Follows& follows_;
  whip::Endpoint& whip_;
};

}  // namespace holdfast::api

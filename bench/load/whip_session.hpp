#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "io/http_client.hpp"
#include "load/peer_session.hpp"

namespace holdfast::bench {

// What many sessions ask of one server, a few at a time. Thread of the pump only.
class WhipRequests {
 public:
  static constexpr std::size_t at_once = 16;

  // Completions come on `pump`, which outlives the requests.
  explicit WhipRequests(Executor& pump) : pump_(pump) {}
  void send(HttpRequest request, io::HttpClient::Completion completion);

 private:
  struct Waiting {
    HttpRequest request;
    io::HttpClient::Completion completion;
  };
  void send_next();

  Executor& pump_;
  std::deque<Waiting> waiting_;
  std::size_t under_way_ = 0;
  io::HttpClient client_;
};

// A WHIP client (RFC 9725), from the POST of its offer to the DELETE of its session.
class WhipSession final : public PeerSession {
 public:
  struct Target {
    std::string url;
    std::string bearer;  // may be empty
  };
  // The requests outlive the session.
  WhipSession(Studio& studio, std::shared_ptr<const dtls::Certificate> certificate, Target target,
              WhipRequests& requests)
      : PeerSession(studio, std::move(certificate), {}), target_(std::move(target)), requests_(requests) {}

  void begin(const Now& now) override;
  void end(const Now& now) override;

 private:
  HttpRequest request(std::string method, std::string url) const;
  void handle_answer(Result<HttpResponse> response);

  const Target target_;
  WhipRequests& requests_;
  std::string resource_;  // its URL; empty: there is none
};

}  // namespace holdfast::bench

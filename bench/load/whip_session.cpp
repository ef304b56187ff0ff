#include "load/whip_session.hpp"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <utility>

#include "base/text.hpp"
#include "io/clock.hpp"

namespace holdfast::bench {
namespace {

constexpr int created = 201;

// RFC 9725 section 4.2: the Location may be relative to the endpoint. Empty: there is none.
std::string resolve(std::string_view base, std::string_view reference) {
  const auto base_url = boost::urls::parse_uri(base);
  const auto reference_url = boost::urls::parse_uri_reference(reference);
  boost::urls::url resolved;
  if (reference.empty() || !base_url || !reference_url ||
      !boost::urls::resolve(*base_url, *reference_url, resolved)) {
    return {};
  }
  return std::string(resolved.buffer());
}

}  // namespace

void WhipRequests::send(HttpRequest request, io::HttpClient::Completion completion) {
  waiting_.push_back({std::move(request), std::move(completion)});
  send_next();
}

void WhipRequests::send_next() {
  if (under_way_ == at_once || waiting_.empty()) return;
  ++under_way_;
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  client_.send(std::move(next.request), pump_,
               [this, completion = std::move(next.completion)](Result<HttpResponse> response) mutable {
                 --under_way_;
                 completion(std::move(response));
                 send_next();
               });
}

HttpRequest WhipSession::request(std::string method, std::string url) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  request.timeout = std::chrono::seconds(30);
  if (!target_.bearer.empty()) request.headers.push_back({"Authorization", "Bearer " + target_.bearer});
  return request;
}

void WhipSession::begin(const Now&) {
  if (auto opened = open_socket({}); !opened) return fail(opened.error().message);
  HttpRequest offer = request("POST", target_.url);
  offer.headers.push_back({"Content-Type", "application/sdp"});
  offer.body = make_offer({"load", "load-video", "load", "load-audio"});
  requests_.send(std::move(offer), [this](auto response) { handle_answer(std::move(response)); });
}

void WhipSession::handle_answer(Result<HttpResponse> response) {
  if (!response) return fail(response.error().message);
  if (response->status != created) {
    return fail(fmt::format("{} answers {}: {}", target_.url, response->status, printable(response->body)));
  }
  resource_ = resolve(target_.url, response->header("location"));
  if (auto accepted = accept_answer(io::read_monotonic_clock(), response->body); !accepted) {
    fail(accepted.error().message);
  }
}

void WhipSession::end(const Now&) {
  if (resource_.empty()) {
    close_peer();
    return set_state(State::ended);
  }
  requests_.send(request("DELETE", std::exchange(resource_, {})), [this](const Result<HttpResponse>&) {
    close_peer();
    set_state(State::ended);
  });
}

}  // namespace holdfast::bench

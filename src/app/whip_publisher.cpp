#include "app/whip_publisher.hpp"

#include <fmt/format.h>

#include <boost/url.hpp>
#include <utility>

#include "io/clock.hpp"

namespace holdfast::app {
namespace {

constexpr int created = 201;

// The Location of the session may be relative to the endpoint (RFC 9725 section 4.2). Empty: there is none.
std::string resolve(std::string_view base, std::string_view reference) {
  const auto base_url = boost::urls::parse_uri(base);
  const auto reference_url = boost::urls::parse_uri_reference(reference);
  if (reference.empty() || !base_url || !reference_url) return {};
  boost::urls::url resolved;
  if (!boost::urls::resolve(*base_url, *reference_url, resolved)) return {};
  return std::string(resolved.buffer());
}

// What a server says, made fit for one line of a terminal.
std::string one_line(std::string_view text) {
  constexpr std::size_t longest = 300;
  std::string line(text.substr(0, longest));
  for (char& character : line) {
    if (character < ' ' || character > '~') character = ' ';
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
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
  client_.send(std::move(next.request), worker_,
               [this, completion = std::move(next.completion)](Result<HttpResponse> response) mutable {
                 --under_way_;
                 completion(std::move(response));
                 send_next();
               });
}

WhipPublisher::WhipPublisher(WhipTarget target, const publish::PublisherOptions& options,
                             std::shared_ptr<const dtls::Certificate> certificate, Random& random,
                             io::Worker& worker, WhipRequests& requests)
    : target_(std::move(target)),
      worker_(worker),
      requests_(requests),
      publisher_(options, std::move(certificate), {}, random) {}

HttpRequest WhipPublisher::request(std::string method, std::string url) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = std::move(url);
  if (!target_.token.empty()) request.headers.push_back({"Authorization", "Bearer " + target_.token});
  return request;
}

void WhipPublisher::start() {
  auto socket = worker_.add(Endpoint{}, *this);
  if (!socket) return fail(socket.error().message);
  socket_ = *socket;
  phase_ = Phase::offering;
  HttpRequest offer = request("POST", target_.url);
  offer.headers.push_back({"Content-Type", "application/sdp"});
  offer.body = publisher_.make_offer();
  requests_.send(std::move(offer),
                 [this](Result<HttpResponse> response) { handle_answer(std::move(response)); });
}

void WhipPublisher::handle_answer(Result<HttpResponse> response) {
  const bool abandoned = phase_ == Phase::abandoned;
  if (!response || response->status != created) {
    if (abandoned) return detach();
    return fail(response ? fmt::format("the server rejected the stream with HTTP status {}: {}",
                                       response->status, one_line(response->body))
                         : response.error().message);
  }
  phase_ = Phase::connecting;
  session_url_ = resolve(target_.url, response->header("location"));
  if (abandoned) return close();
  if (auto accepted = publisher_.accept_answer(io::read_monotonic_clock(), response->body); !accepted) {
    fail(accepted.error().message);
  }
}

void WhipPublisher::close() {
  if (phase_ == Phase::offering) {
    phase_ = Phase::abandoned;
    return;
  }
  if (phase_ == Phase::abandoned || phase_ == Phase::leaving) return;
  detach();
  if (session_url_.empty()) return;
  phase_ = Phase::leaving;
  // Should the server not take it, it has had our goodbye by DTLS.
  requests_.send(request("DELETE", std::exchange(session_url_, {})),
                 [this](const Result<HttpResponse>&) { phase_ = Phase::ended; });
}

void WhipPublisher::fail(std::string why) {
  error_ = std::move(why);
  if (phase_ == Phase::offering) phase_ = Phase::idle;  // nothing came of it that could be taken back
  close();
}

void WhipPublisher::detach() {
  phase_ = Phase::ended;
  if (socket_ == nullptr) return;
  publisher_.close(*socket_);
  worker_.remove(*this);
  socket_ = nullptr;
}

void WhipPublisher::send(const Now& now, const publish::EncodedFrame& frame) {
  if (phase_ == Phase::live) publisher_.send(now, frame, *socket_);
}

void WhipPublisher::handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram,
                                    Outbox& outbox) {
  publisher_.handle_datagram(arrival, from, datagram, outbox);
  follow_connection();
}

void WhipPublisher::handle_tick(const Now& now, Outbox& outbox) {
  publisher_.handle_timeout(now, outbox);
  follow_connection();
}

void WhipPublisher::follow_connection() {
  switch (publisher_.state()) {
    case peer::State::connected:
      if (phase_ == Phase::connecting) phase_ = Phase::live;
      return;
    case peer::State::failed:
    case peer::State::closed:
      if (phase_ == Phase::connecting || phase_ == Phase::live) fail(publisher_.failure());
      return;
    case peer::State::connecting:
    case peer::State::disconnected:
      return;
  }
}

}  // namespace holdfast::app

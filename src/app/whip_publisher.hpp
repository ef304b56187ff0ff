#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "io/http_client.hpp"
#include "io/worker.hpp"
#include "publish/publisher.hpp"

namespace holdfast::app {

// What many publishers ask of one server, a few at a time: ten thousand offers at once would be an attack.
// Worker thread only; memory: one request a publisher.
class WhipRequests {
 public:
  static constexpr std::size_t at_once = 16;

  // Completions come on `worker`. All outlive the requests.
  WhipRequests(io::HttpClient& client, Executor& worker) : client_(client), worker_(worker) {}
  void send(HttpRequest request, io::HttpClient::Completion completion);

 private:
  struct Waiting {
    HttpRequest request;
    io::HttpClient::Completion completion;
  };
  void send_next();

  io::HttpClient& client_;
  Executor& worker_;
  std::deque<Waiting> waiting_;
  std::size_t under_way_ = 0;
};

// Where to publish. `url` of the WHIP endpoint; `token` may be empty.
struct WhipTarget {
  std::string url;
  std::string token;
};

// One WHIP client (RFC 9725): a publish::Publisher behind a UDP socket of its own, from the POST of its offer
// to the DELETE of its session. It names no candidates: the server learns it by its checks. Worker thread
// only.
class WhipPublisher final : public io::DatagramHandler {
 public:
  enum class Phase : std::uint8_t {
    idle,
    offering,
    abandoned,  // closed while the offer was under way: its answer is still awaited, to be taken back
    connecting,
    live,
    leaving,  // the DELETE is under way
    ended,
  };

  // The references outlive the publisher, which outlives every completion.
  WhipPublisher(WhipTarget target, const publish::PublisherOptions& options,
                std::shared_ptr<const dtls::Certificate> certificate, Random& random, io::Worker& worker,
                WhipRequests& requests);

  void start();
  // Goodbye; ended soon after.
  void close();
  void send(const Now& now, const publish::EncodedFrame& frame);
  bool take_key_frame_request() { return publisher_.take_key_frame_request(); }

  Phase phase() const { return phase_; }
  const publish::PublisherCounters& counters() const { return publisher_.counters(); }
  // Why it ended by itself, once.
  std::optional<std::string> take_error() { return std::exchange(error_, std::nullopt); }

  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox) override;
  void handle_tick(const Now& now, Outbox& outbox) override;
  Instant deadline() override { return publisher_.deadline(); }

 private:
  HttpRequest request(std::string method, std::string url) const;
  void handle_answer(Result<HttpResponse> response);
  void follow_connection();
  void fail(std::string why);
  void detach();

  const WhipTarget target_;
  io::Worker& worker_;
  WhipRequests& requests_;
  publish::Publisher publisher_;
  io::UdpSocket* socket_ = nullptr;  // null: not on the worker
  Phase phase_ = Phase::idle;
  std::string session_url_;
  std::optional<std::string> error_;
};

}  // namespace holdfast::app

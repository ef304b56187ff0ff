#include "io/http_server.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "io/clock.hpp"
#include "io/http_acceptor.hpp"
#include "io/http_message.hpp"
#include "io/http_reply.hpp"
#include "io/http_stream.hpp"

namespace holdfast::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr auto as_awaitable = asio::as_tuple(asio::use_awaitable);
using Parser = HttpParser;

// One piece of a streamed body on its way from the readers' thread.
struct Reading {
  explicit Reading(const asio::any_io_executor& executor) : done(executor) {}
  static constexpr std::size_t piece_bytes = 64 << 10;

  std::shared_ptr<HttpBody> body;
  ByteVector buffer = ByteVector(piece_bytes);
  asio::steady_timer done;
  std::optional<Result<HttpBody::Piece>> piece;
};

enum class Phase : unsigned char { idle, busy };
enum class Extent : unsigned char { header, message };

struct Connection {
  Connection(HttpStream::Socket socket, const TlsContext& tls) : stream(std::move(socket), tls) {}

  HttpStream stream;
  beast::flat_buffer buffer;
  Endpoint remote;
  Phase phase = Phase::busy;
  Instant idle_since{};
  bool closed = false;  // by us: what it may have read meanwhile is not acted upon

  void close() {
    closed = true;
    stream.close();
  }
  std::shared_ptr<Exchange> exchange;
};

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& context, Executor& readers, Options options, HttpHandler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        readers_(readers),
        acceptor_(context),
        pause_(context) {}

  Result<void> listen() {
    if (auto listening = acceptor_.listen(options_.listen); !listening) return listening;
    asio::co_spawn(pause_.get_executor(), accept(shared_from_this()), asio::detached);
    return {};
  }

  void stop() {
    stopping_ = true;
    acceptor_.close();
    pause_.cancel();
    for (Connection* connection : connections_) {
      if (connection->phase == Phase::idle) connection->close();
    }
  }

  void abandon() {
    stop();
    handler_ = nullptr;
    for (Connection* connection : connections_) {
      connection->close();
      if (connection->exchange) connection->exchange->answered.cancel();
    }
  }

  ListenAddress local() const { return acceptor_.local(); }
  void set_tls(TlsContext tls) { options_.tls = std::move(tls); }
  std::size_t connections() const { return connections_.size(); }

 private:
  // Coroutines: each holds the Impl by its first argument.
  static asio::awaitable<void> accept(std::shared_ptr<Impl> self);
  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, HttpAcceptor::Accepted accepted);
  static asio::awaitable<boost::system::error_code> receive(Connection& connection);
  asio::awaitable<bool> wait_for_bytes(Connection& connection, Duration timeout);
  asio::awaitable<bool> serve_one(Connection& connection);
  asio::awaitable<boost::system::error_code> parse(Connection& connection, Parser& parser, Extent extent);
  asio::awaitable<std::optional<HttpResponse>> read(Connection& connection, Parser& parser);
  asio::awaitable<std::optional<HttpResponse>> ask_handler(Connection& connection, Parser& parser);
  asio::awaitable<bool> write(Connection& connection, HttpResponse response, bool keep_alive,
                              bool header_only);
  asio::awaitable<bool> write_stream(Connection& connection, std::shared_ptr<HttpBody> body);
  asio::awaitable<Result<HttpBody::Piece>> read_piece(std::shared_ptr<Reading> reading);
  asio::awaitable<void> linger(Connection& connection);
  bool make_room();

  Options options_;
  HttpHandler handler_;
  Executor& readers_;
  HttpAcceptor acceptor_;
  asio::steady_timer pause_;
  std::set<Connection*> connections_;
  std::size_t streams_ = 0;
  ThreadOwner owner_;  // the io_context's thread
  bool stopping_ = false;
};

asio::awaitable<void> HttpServer::Impl::accept(std::shared_ptr<Impl> self) {
  while (!self->stopping_) {
    auto accepted = co_await self->acceptor_.accept();
    if (self->stopping_) co_return;
    if (!accepted) {
      // Out of descriptors, or a client that went away at once: neither is cured by asking again at once.
      self->pause_.expires_after(std::chrono::milliseconds(100));
      co_await self->pause_.async_wait(as_awaitable);
      continue;
    }
    // Dropping the socket closes it.
    if (self->connections_.size() >= self->options_.max_connections && !self->make_room()) continue;
    asio::co_spawn(self->pause_.get_executor(), serve(self, std::move(*accepted)), asio::detached);
  }
}

// Whoever only holds a connection open must not keep others out.
bool HttpServer::Impl::make_room() {
  Connection* idlest = nullptr;
  for (Connection* connection : connections_) {
    if (connection->phase != Phase::idle) continue;
    if (idlest == nullptr || connection->idle_since < idlest->idle_since) idlest = connection;
  }
  if (idlest == nullptr) return false;
  idlest->phase = Phase::busy;  // it closes, and cannot make room twice
  idlest->close();
  return true;
}

asio::awaitable<void> HttpServer::Impl::serve(std::shared_ptr<Impl> self, HttpAcceptor::Accepted accepted) {
  Connection connection(std::move(accepted.socket), self->options_.tls);
  connection.remote = accepted.remote;
  self->connections_.insert(&connection);
  Duration patience = self->options_.transfer_timeout;
  connection.stream.expires_after(patience);
  self->owner_.check();
  const auto refused = co_await connection.stream.handshake();
  while (!refused && !self->stopping_) {
    const bool more = co_await self->wait_for_bytes(connection, patience);
    if (!more) break;
    const bool keep = co_await self->serve_one(connection);
    if (!keep) break;
    patience = self->options_.idle_timeout;
  }
  connection.stream.expires_after(std::chrono::seconds(1));
  if (!refused) co_await connection.stream.shut_down();
  self->connections_.erase(&connection);
}

// More bytes into the buffer; an error if there were none.
asio::awaitable<boost::system::error_code> HttpServer::Impl::receive(Connection& connection) {
  const auto space = connection.buffer.prepare(4096);
  const auto [error, size] = co_await connection.stream.read_some(space);
  connection.buffer.commit(size);
  co_return error;
}

// Until there is something of a request in the buffer.
asio::awaitable<bool> HttpServer::Impl::wait_for_bytes(Connection& connection, Duration timeout) {
  if (connection.buffer.size() != 0) co_return true;
  connection.phase = Phase::idle;
  connection.idle_since = read_monotonic_clock();
  connection.stream.expires_after(timeout);
  const auto error = co_await receive(connection);
  connection.phase = Phase::busy;
  co_return !error && !connection.closed;
}

// Whether the connection is fit for another request.
asio::awaitable<bool> HttpServer::Impl::serve_one(Connection& connection) {
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
  parser.body_limit(options_.max_body_bytes);
  connection.stream.expires_after(options_.transfer_timeout);
  std::optional<HttpResponse> refused = co_await read(connection, parser);
  if (refused) {
    if (refused->status != 0) {
      co_await write(connection, std::move(*refused), false, false);
      co_await linger(connection);
    }
    co_return false;
  }
  const bool head = parser.get().method() == http::verb::head;
  const bool wanted = parser.get().keep_alive();
  connection.stream.expires_never();
  std::optional<HttpResponse> response = co_await ask_handler(connection, parser);
  if (!response) co_return false;
  const bool keep_alive = wanted && !stopping_;
  const bool written = co_await write(connection, std::move(*response), keep_alive, head);
  co_return written&& keep_alive;
}

// Feeds `parser` until it has as much of the request.
asio::awaitable<boost::system::error_code> HttpServer::Impl::parse(Connection& connection, Parser& parser,
                                                                   Extent extent) {
  boost::system::error_code error;
  parser.eager(extent == Extent::message);
  while (extent == Extent::header ? !parser.is_header_done() : !parser.is_done()) {
    const std::size_t used = parser.put(connection.buffer.data(), error);
    connection.buffer.consume(used);
    if (error && error != http::error::need_more) co_return error;
    // The parser sets no limit to the extension of a chunk, nor to a trailer.
    if (connection.buffer.size() > options_.max_header_bytes) co_return http::error::buffer_overflow;
    if (extent == Extent::header ? parser.is_header_done() : parser.is_done()) break;
    error = co_await receive(connection);
    if (error) co_return error;
  }
  co_return boost::system::error_code();
}

// A whole request into `parser`; otherwise what to answer, of status 0 when there is nobody to answer.
asio::awaitable<std::optional<HttpResponse>> HttpServer::Impl::read(Connection& connection, Parser& parser) {
  boost::system::error_code error = co_await parse(connection, parser, Extent::header);
  if (error) co_return answer_to(error).value_or(HttpResponse{});
  const auto expectation = parser.get()[http::field::expect];
  if (!expectation.empty()) {
    // RFC 9110 section 10.1.1.
    if (!beast::iequals(expectation, "100-continue"))
      co_return plain_error(417, "unsupported Expect header field");
    error = co_await connection.stream.write("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (error) co_return HttpResponse{};
  }
  error = co_await parse(connection, parser, Extent::message);
  if (error) co_return answer_to(error).value_or(HttpResponse{});
  co_return std::nullopt;
}

asio::awaitable<std::optional<HttpResponse>> HttpServer::Impl::ask_handler(Connection& connection,
                                                                           Parser& parser) {
  if (!handler_) co_return std::nullopt;
  const auto exchange = std::make_shared<Exchange>(connection.stream.get_executor());
  connection.exchange = exchange;
  handler_(to_incoming(parser.release(), connection.remote), PendingReply(exchange));
  if (!exchange->response && handler_) co_await exchange->answered.async_wait(as_awaitable);
  connection.exchange.reset();
  co_return std::move(exchange->response);
}

asio::awaitable<bool> HttpServer::Impl::write(Connection& connection, HttpResponse response, bool keep_alive,
                                              bool header_only) {
  if (response.stream && !header_only && streams_ >= options_.max_streams) {
    response = plain_error(503, "too many downloads are in progress; try again later");
    response.headers.push_back({"Retry-After", "10"});
  }
  const bool streams = response.stream && !header_only;
  const bool without_body = header_only || response.status == 204;
  connection.stream.expires_after(options_.transfer_timeout);
  const auto error =
      co_await connection.stream.write(response_head(response, keep_alive),
                                       without_body ? std::string_view() : std::string_view(response.body));
  if (error || !streams) co_return !error;
  ++streams_;
  const bool sent = co_await write_stream(connection, std::move(response.stream));
  --streams_;
  co_return sent;
}

// Whether all of the body was sent.
asio::awaitable<bool> HttpServer::Impl::write_stream(Connection& connection, std::shared_ptr<HttpBody> body) {
  constexpr auto ask_again = std::chrono::milliseconds(100);
  const bool chunked = !body->size();
  const auto reading = std::make_shared<Reading>(connection.stream.get_executor());
  reading->body = std::move(body);
  while (!stopping_) {
    const auto piece = co_await read_piece(reading);
    if (!piece) co_return false;
    CHECK(piece->bytes <= reading->buffer.size());
    const std::string_view bytes = as_text(Bytes(reading->buffer).first(piece->bytes));
    const bool is_end = piece->next == HttpBody::Piece::Next::end;
    // RFC 9112 section 7.1; a chunk of no bytes would be the end.
    const std::string head = chunked && !bytes.empty() ? fmt::format("{:x}\r\n", bytes.size()) : "";
    const std::string tail =
        !chunked ? "" : std::string(bytes.empty() ? "" : "\r\n") + (is_end ? "0\r\n\r\n" : "");
    connection.stream.expires_after(options_.stall_timeout);
    boost::system::error_code error;
    if (!head.empty() || !bytes.empty()) error = co_await connection.stream.write(head, bytes);
    if (!error && !tail.empty()) error = co_await connection.stream.write(tail, {});
    if (error) co_return false;
    if (is_end) co_return true;
    if (piece->next == HttpBody::Piece::Next::wait) {
      reading->done.expires_after(ask_again);
      co_await reading->done.async_wait(as_awaitable);
    }
  }
  co_return false;
}

asio::awaitable<Result<HttpBody::Piece>> HttpServer::Impl::read_piece(std::shared_ptr<Reading> reading) {
  reading->piece.reset();
  reading->done.expires_at(asio::steady_timer::time_point::max());
  readers_.post([reading, executor = reading->done.get_executor()] {
    auto piece = reading->body->read(reading->buffer);
    asio::post(executor, [reading, piece = std::move(piece)]() mutable {
      reading->piece = std::move(piece);
      reading->done.cancel();
    });
  });
  if (!reading->piece) co_await reading->done.async_wait(as_awaitable);
  if (!reading->piece) co_return fail(ErrorCode::unavailable, "the server ends");
  co_return std::move(*reading->piece);
}

// Lets a refused client read the answer while it still sends: closing at once would reset the connection
// under it (RFC 9112 section 9.6). Bounded in time and bytes.
asio::awaitable<void> HttpServer::Impl::linger(Connection& connection) {
  connection.stream.shut_down_send();
  connection.stream.expires_after(std::chrono::seconds(1));
  std::size_t total = 0;
  boost::system::error_code error = co_await receive(connection);
  while (!error && total < options_.max_body_bytes) {
    total += connection.buffer.size();
    connection.buffer.clear();
    error = co_await receive(connection);
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(asio::io_context& context, Executor& readers,
                                                     Options options, HttpHandler handler) {
  auto impl = std::make_shared<Impl>(context, readers, std::move(options), std::move(handler));
  if (auto listening = impl->listen(); !listening) return std::unexpected(std::move(listening.error()));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() {  // NOLINT(bugprone-exception-escape): as above
  impl_->abandon();
}
ListenAddress HttpServer::local() const {
  return impl_->local();
}
std::size_t HttpServer::connections() const {
  return impl_->connections();
}
void HttpServer::set_tls(TlsContext tls) {
  impl_->set_tls(std::move(tls));
}
void HttpServer::stop() {
  impl_->stop();
}

}  // namespace holdfast::io

#include "io/websocket.hpp"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "io/tls_context.hpp"

namespace holdfast::io {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using ErrorStatus = boost::system::error_code;
using Cause = WebSocketClosed::Cause;
using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

constexpr auto close_timeout = std::chrono::seconds(2);
constexpr std::size_t max_declined_body = 4096;

// co_await operation(..., into(error)): no exceptions.
auto into(ErrorStatus& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

bool is_address(const std::string& host) {
  ErrorStatus error;
  asio::ip::make_address(host, error);
  return !error;
}

std::string authority_of(const WebSocketOptions& options) {
  const std::string name =
      options.host.find(':') == std::string::npos ? options.host : fmt::format("[{}]", options.host);
  return options.port == (options.tls ? 443 : 80) ? name : fmt::format("{}:{}", name, options.port);
}

}  // namespace

// What does not depend on the kind of stream: the handler, and that it is called no more once detached.
class WebSocket::Impl {
 public:
  explicit Impl(WebSocketHandler& handler) : handler_(&handler) {}
  virtual ~Impl() = default;
  virtual void send(Bytes message) = 0;
  virtual void close() = 0;
  // Drops the connection; its operations end by themselves.
  virtual void abort() = 0;
  void detach() {
    handler_ = nullptr;
    abort();
  }

 protected:
  WebSocketHandler* handler_;  // null: detached, or told of the end
};

namespace {

template <typename Stream>
class Connection final : public WebSocket::Impl, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  using Socket = beast::websocket::stream<Stream>;

  // `problem`: why there is nothing to check the server's certificate with.
  Connection(Socket socket, WebSocketOptions options, std::optional<Error> problem, WebSocketHandler& handler)
      : Impl(handler),
        options_(std::move(options)),
        problem_(std::move(problem)),
        resolver_(socket.get_executor()),
        timer_(socket.get_executor()),
        socket_(std::move(socket)) {}

  void start() {
    start_timer(options_.connect_timeout, "no response in time");
    asio::co_spawn(
        socket_.get_executor(), [self = this->shared_from_this()] { return self->run(); }, asio::detached);
  }

  void send(Bytes message) override {
    if (!open_ || closing_) return;
    if (queued_bytes_ + message.size() > options_.max_queued_bytes) {
      abort_why_ = "the server does not read what is sent to it";
      return abort();
    }
    queued_bytes_ += message.size();
    queue_.emplace_back(message.begin(), message.end());
    if (!writing_) write_next();
  }

  void close() override {
    if (closing_) return;
    closing_ = true;
    if (!open_) {
      abort_why_ = "closed before the connection was open";
      return abort();
    }
    start_timer(close_timeout, "the server did not answer the close request");
    if (!writing_) close_now();
  }

  void abort() override {
    aborted_ = true;
    resolver_.cancel();
    beast::get_lowest_layer(socket_).close();
  }

 private:
  asio::awaitable<void> run() {
    auto closed = co_await connect();
    if (!closed) {
      timer_.cancel();
      open_ = true;
      if (handler_ != nullptr) handler_->handle_open();
      closed = co_await read();
    }
    finish(std::move(*closed));
  }

  // nullopt: open.
  asio::awaitable<std::optional<WebSocketClosed>> connect() {
    if (problem_) co_return WebSocketClosed{Cause::untrusted, problem_->message, 0, {}};
    ErrorStatus error;
    const auto endpoints =
        co_await resolver_.async_resolve(options_.host, std::to_string(options_.port), into(error));
    if (aborted_) error = asio::error::operation_aborted;  // perhaps before there was anything to cancel
    if (error) co_return describe(Cause::unreachable, error);
    auto& tcp = beast::get_lowest_layer(socket_);
    co_await tcp.async_connect(endpoints, into(error));
    if (error) co_return describe(Cause::unreachable, error);
    tcp.socket().set_option(asio::ip::tcp::no_delay(true), error);

    if constexpr (std::is_same_v<Stream, Tls>) {
      if (!set_up_tls(error)) co_return describe(Cause::untrusted, error);
      co_await socket_.next_layer().async_handshake(asio::ssl::stream_base::client, into(error));
      if (error) co_return describe_tls(error);
    }

    set_up_websocket();
    beast::websocket::response_type response;
    co_await socket_.async_handshake(response, authority_of(options_), options_.target, into(error));
    if (error == beast::websocket::error::upgrade_declined) co_return describe_declined(response);
    if (error) co_return describe(Cause::unreachable, error);
    co_return std::nullopt;
  }

  bool set_up_tls(ErrorStatus& error) {
    auto& stream = socket_.next_layer();
    stream.set_verify_callback(asio::ssl::host_name_verification(options_.host), error);
    if (error) return false;
    // RFC 6066 section 3: a name, not an address.
    if (is_address(options_.host)) return true;
    // What the macro SSL_set_tlsext_host_name does, with its cast made plain.
    SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(options_.host.c_str()));
    return true;
  }

  void set_up_websocket() {
    // Our owner knows better than a fixed idle time when the peer is dead.
    socket_.set_option(beast::websocket::stream_base::timeout{beast::websocket::stream_base::none(),
                                                              beast::websocket::stream_base::none(), false});
    socket_.set_option(
        beast::websocket::stream_base::decorator([this](beast::websocket::request_type& request) {
          request.set(http::field::user_agent, "holdfast");
          for (const HttpHeader& header : options_.headers) request.set(header.name, header.value);
        }));
    socket_.read_message_max(options_.max_message_bytes);
    socket_.binary(true);
    socket_.write_buffer_bytes(1024);  // it stays, and little is sent after the start
  }

  asio::awaitable<WebSocketClosed> read() {
    beast::flat_buffer buffer;
    ErrorStatus error;
    while (handler_ != nullptr) {
      co_await socket_.async_read(buffer, into(error));
      // Our own close, once answered, cancels the read.
      if (error == beast::websocket::error::closed || (error && closing_ && !aborted_)) {
        co_return WebSocketClosed{Cause::closed,
                                  fmt::format("{} closed the connection (code {})", authority_of(options_),
                                              static_cast<int>(socket_.reason().code)),
                                  0,
                                  {}};
      }
      if (error) co_return describe(Cause::lost, error);
      const auto data = buffer.cdata();
      if (handler_ != nullptr)
        handler_->handle_message({static_cast<const std::uint8_t*>(data.data()), data.size()});
      buffer.consume(buffer.size());
      buffer.shrink_to_fit();  // hours may pass until the next, and few are as large as the first
    }
    co_return WebSocketClosed{};
  }

  void write_next() {
    writing_ = !queue_.empty();
    if (!writing_) {
      if (closing_) close_now();
      return;
    }
    socket_.async_write(asio::buffer(queue_.front()),
                        [self = this->shared_from_this()](ErrorStatus error, std::size_t) {
                          if (error) return;  // the reader learns it too
                          self->queued_bytes_ -= self->queue_.front().size();
                          self->queue_.pop_front();
                          self->write_next();
                        });
  }

  void close_now() {
    socket_.async_close(beast::websocket::close_code::normal,
                        [self = this->shared_from_this()](ErrorStatus) {});
  }

  void start_timer(Duration duration, const char* why) {
    timer_.expires_after(duration);
    timer_.async_wait([self = this->shared_from_this(), why](ErrorStatus error) {
      if (error) return;
      self->abort_why_ = why;
      self->abort();
    });
  }

  void finish(WebSocketClosed closed) {
    open_ = false;
    timer_.cancel();
    abort();
    if (WebSocketHandler* handler = std::exchange(handler_, nullptr)) handler->handle_closed(closed);
  }

  WebSocketClosed describe(Cause cause, const ErrorStatus& error) const {
    const std::string why = abort_why_ != nullptr ? abort_why_ : error.message();
    const std::string_view what = cause == Cause::lost ? "lost the connection to" : "cannot reach";
    if (cause == Cause::unreachable && error == asio::error::connection_refused) cause = Cause::refused;
    return {cause, fmt::format("{} {}: {}", what, authority_of(options_), why), 0, {}};
  }

  WebSocketClosed describe_tls(const ErrorStatus& error) {
    const long verified = SSL_get_verify_result(socket_.next_layer().native_handle());
    if (verified == X509_V_OK) return describe(Cause::unreachable, error);
    return {Cause::untrusted,
            fmt::format("the certificate of {} is not trusted: {}", authority_of(options_),
                        X509_verify_cert_error_string(verified)),
            0,
            {}};
  }

  WebSocketClosed describe_declined(const beast::websocket::response_type& response) const {
    const int status = static_cast<int>(response.result_int());
    return {Cause::declined, fmt::format("{} responded with HTTP status {}", authority_of(options_), status),
            status, response.body().substr(0, max_declined_body)};
  }

  const WebSocketOptions options_;
  const std::optional<Error> problem_;
  asio::ip::tcp::resolver resolver_;
  asio::steady_timer timer_;  // of connecting, later of closing
  Socket socket_;
  std::deque<ByteVector> queue_;  // the first one is being written, if writing_
  std::size_t queued_bytes_ = 0;
  bool open_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool aborted_ = false;
  const char* abort_why_ = nullptr;
};

template <typename Stream>
std::shared_ptr<WebSocket::Impl> start_connection(beast::websocket::stream<Stream> socket,
                                                  WebSocketOptions options, std::optional<Error> problem,
                                                  WebSocketHandler& handler) {
  auto connection = std::make_shared<Connection<Stream>>(std::move(socket), std::move(options),
                                                         std::move(problem), handler);
  connection->start();
  return connection;
}

// A handle of its own to a context that is shared. A stream keeps what it needs of it.
asio::ssl::context asio_context(const Result<TlsContext>& shared) {
  if (!shared) return asio::ssl::context(asio::ssl::context::tls_client);
  SSL_CTX_up_ref(shared->get());
  return asio::ssl::context(shared->get());
}

}  // namespace

WebSocket::WebSocket(asio::io_context& context, WebSocketOptions options, WebSocketHandler& handler) {
  if (!options.tls) {
    impl_ =
        start_connection<Plain>(beast::websocket::stream<Plain>(context), std::move(options), {}, handler);
    return;
  }
  const auto shared = client_tls_context(options.ca_file);
  asio::ssl::context tls = asio_context(shared);
  impl_ = start_connection<Tls>(beast::websocket::stream<Tls>(context, tls), std::move(options),
                                shared ? std::nullopt : std::optional(shared.error()), handler);
}

WebSocket::~WebSocket() {
  impl_->detach();
}

void WebSocket::send(Bytes message) {
  impl_->send(message);
}
void WebSocket::close() {
  impl_->close();
}

}  // namespace holdfast::io

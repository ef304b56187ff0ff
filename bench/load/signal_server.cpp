#include "load/signal_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

namespace holdfast::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using Tcp = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

// One connection; shared by its coroutine, its writes under way and what was posted to it.
template <typename Stream>
class Connection final : public std::enable_shared_from_this<Connection<Stream>> {
 public:
  explicit Connection(Stream stream) : socket_(std::move(stream)) {}

  asio::awaitable<void> serve(SignalServer::Accept& accept);
  void send(std::string message);
  void close();
  auto executor() { return socket_.get_executor(); }

 private:
  void write_next();

  beast::websocket::stream<Stream> socket_;
  std::deque<std::string> waiting_;  // the first is under way
  bool closing_ = false;
};

template <typename Stream>
class Writer final : public SignalWriter {
 public:
  explicit Writer(const std::shared_ptr<Connection<Stream>>& connection)
      : connection_(connection), executor_(connection->executor()) {}
  void send(std::string message) override {
    asio::post(executor_, [connection = connection_, message = std::move(message)]() mutable {
      if (const auto open = connection.lock()) open->send(std::move(message));
    });
  }
  void close() override {
    asio::post(executor_, [connection = connection_] {
      if (const auto open = connection.lock()) open->close();
    });
  }

 private:
  std::weak_ptr<Connection<Stream>> connection_;
  decltype(std::declval<Connection<Stream>&>().executor()) executor_;
};

template <typename Stream>
asio::awaitable<void> Connection<Stream>::serve(SignalServer::Accept& accept) {
  std::optional<SignalReader> reader;
  try {
    if constexpr (std::is_same_v<Stream, Tls>) {
      co_await socket_.next_layer().async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    }
    co_await socket_.async_accept(asio::use_awaitable);
    socket_.binary(true);
    reader = accept(std::make_shared<Writer<Stream>>(this->shared_from_this()));
    for (beast::flat_buffer buffer; reader;) {
      co_await socket_.async_read(buffer, asio::use_awaitable);
      reader->message(beast::buffers_to_string(buffer.data()));
      buffer.clear();
    }
  } catch (const boost::system::system_error&) {  // NOLINT(bugprone-empty-catch)
    // Closed, or broken: over, either way.
  }
  if (reader) reader->closed();
}

template <typename Stream>
void Connection<Stream>::send(std::string message) {
  waiting_.push_back(std::move(message));
  if (waiting_.size() == 1) write_next();
}

template <typename Stream>
void Connection<Stream>::close() {
  closing_ = true;
  if (waiting_.empty()) write_next();
}

template <typename Stream>
void Connection<Stream>::write_next() {
  const auto self = this->shared_from_this();
  if (waiting_.empty()) {
    if (closing_) socket_.async_close(beast::websocket::close_code::normal, [self](beast::error_code) {});
    return;
  }
  socket_.async_write(asio::buffer(waiting_.front()), [self](beast::error_code error, std::size_t) {
    if (error) return;  // the read ends as well
    self->waiting_.pop_front();
    self->write_next();
  });
}

}  // namespace

class SignalServer::Impl {
 public:
  Impl(Accept accept, std::optional<asio::ssl::context> tls)
      : accept_(std::move(accept)), tls_(std::move(tls)) {}
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  void listen(const Endpoint& at) {
    const tcp::endpoint endpoint(asio::ip::make_address(at.address.to_string()), at.port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    asio::co_spawn(context_, accept_all(), asio::detached);
    thread_ = std::jthread([this] { context_.run(); });
  }

 private:
  asio::awaitable<void> accept_all() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(tcp::no_delay(true));
      if (tls_) {
        spawn(std::make_shared<Connection<Tls>>(Tls(Tcp(std::move(socket)), *tls_)));
      } else {
        spawn(std::make_shared<Connection<Tcp>>(Tcp(std::move(socket))));
      }
    }
  }
  template <typename Stream>
  void spawn(const std::shared_ptr<Connection<Stream>>& connection) {
    asio::co_spawn(context_, connection->serve(accept_), [connection](const std::exception_ptr&) {});
  }

  Accept accept_;
  std::optional<asio::ssl::context> tls_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::jthread thread_;
};

SignalServer::SignalServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SignalServer::~SignalServer() = default;

Result<std::unique_ptr<SignalServer>> SignalServer::open(const Options& options, Accept accept) {
  try {
    std::optional<asio::ssl::context> tls;
    if (!options.certificate_file.empty()) {
      tls.emplace(asio::ssl::context::tls_server);
      tls->use_certificate_chain_file(options.certificate_file);
      tls->use_private_key_file(options.key_file, asio::ssl::context::pem);
    }
    auto impl = std::make_unique<Impl>(std::move(accept), std::move(tls));
    impl->listen(options.listen);
    return std::unique_ptr<SignalServer>(new SignalServer(std::move(impl)));
  } catch (const boost::system::system_error& error) {
    return fail(ErrorCode::io, "cannot serve rooms at {}: {}", options.listen.to_string(), error.what());
  }
}

}  // namespace holdfast::bench

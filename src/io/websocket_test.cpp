#include "io/websocket.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "io/self_signed_test.hpp"

namespace holdfast::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Cause = WebSocketClosed::Cause;
template <typename Stream>
using Served = beast::websocket::stream<Stream>;

struct Client final : WebSocketHandler {
  void handle_open() override {
    opened = true;
    if (on_open) on_open();
  }
  void handle_message(Bytes message) override {
    messages.emplace_back(as_text(message));
    if (on_message) on_message();
  }
  void handle_closed(const WebSocketClosed& value) override { closed.push_back(value); }

  std::function<void()> on_open;
  std::function<void()> on_message;
  bool opened = false;
  std::vector<std::string> messages;
  std::vector<WebSocketClosed> closed;
};

class WebSocketTest : public testing::Test {
 protected:
  WebSocketOptions options() {
    WebSocketOptions options;
    options.host = "127.0.0.1";
    options.port = acceptor_.local_endpoint().port();
    options.target = "/rtc?x=1";
    options.headers = {{"Authorization", "Bearer T"}};
    return options;
  }
  void connect(WebSocketOptions options) { socket_.emplace(context_, std::move(options), client_); }

  // Accepts one connection; `talk(stream)` is a coroutine. What it throws ends it.
  template <typename Talk>
  void serve(Talk talk) {
    asio::co_spawn(
        context_,
        [this, talk]() -> asio::awaitable<void> {
          beast::tcp_stream stream(co_await acceptor_.async_accept(asio::use_awaitable));
          co_await talk(stream);
        },
        [](const std::exception_ptr&) {});
  }
  // Upgrades, then talks.
  template <typename Talk>
  void serve_websocket(Talk talk) {
    serve([this, talk](beast::tcp_stream& stream) -> asio::awaitable<void> {
      beast::flat_buffer buffer;
      co_await http::async_read(stream, buffer, request_, asio::use_awaitable);
      Served<beast::tcp_stream&> socket(stream);
      co_await socket.async_accept(request_, asio::use_awaitable);
      co_await talk(socket);
    });
  }
  static asio::awaitable<void> echo(Served<beast::tcp_stream&>& socket) {
    for (;;) {
      beast::flat_buffer buffer;
      co_await socket.async_read(buffer, asio::use_awaitable);
      socket.binary(socket.got_binary());
      co_await socket.async_write(buffer.data(), asio::use_awaitable);
    }
  }
  void serve_echo() {
    serve_websocket([](auto& socket) { return echo(socket); });
  }
  void run() { context_.run(); }

  asio::io_context context_;
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  http::request<http::string_body> request_;
  Client client_;
  std::optional<WebSocket> socket_;
};

TEST_F(WebSocketTest, SendsReceivesAndCloses) {
  serve_echo();
  connect(options());
  client_.on_open = [&] {
    socket_->send(as_bytes("one"));
    socket_->send(as_bytes("two"));
  };
  client_.on_message = [&] {
    if (client_.messages.size() == 2) socket_->close();
  };
  run();
  EXPECT_THAT(client_.messages, testing::ElementsAre("one", "two"));
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::closed);
}

TEST_F(WebSocketTest, AsksForTheTargetWithItsHeaders) {
  serve_echo();
  connect(options());
  client_.on_open = [&] { socket_->close(); };
  run();
  EXPECT_EQ(request_.target(), "/rtc?x=1");
  EXPECT_EQ(request_[http::field::authorization], "Bearer T");
  EXPECT_EQ(request_[http::field::host], fmt::format("127.0.0.1:{}", acceptor_.local_endpoint().port()));
}

TEST_F(WebSocketTest, WhatIsQueuedGoesOutBeforeTheClose) {
  std::vector<std::string> received;
  serve_websocket([&](auto& socket) -> asio::awaitable<void> {
    for (;;) {
      beast::flat_buffer buffer;
      co_await socket.async_read(buffer, asio::use_awaitable);
      received.push_back(beast::buffers_to_string(buffer.data()));
    }
  });
  connect(options());
  client_.on_open = [&] {
    for (const char* text : {"a", "b", "goodbye"}) socket_->send(as_bytes(text));
    socket_->close();
    socket_->send(as_bytes("too late"));
  };
  run();
  EXPECT_THAT(received, testing::ElementsAre("a", "b", "goodbye"));
}

TEST_F(WebSocketTest, AnAnswerThatIsNoUpgradeComesWithStatusAndBody) {
  serve([](beast::tcp_stream& stream) -> asio::awaitable<void> {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    co_await http::async_read(stream, buffer, request, asio::use_awaitable);
    http::response<http::string_body> response{http::status::unauthorized, 11, "permissions denied"};
    response.prepare_payload();
    co_await http::async_write(stream, response, asio::use_awaitable);
  });
  connect(options());
  run();
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::declined);
  EXPECT_EQ(client_.closed[0].status, 401);
  EXPECT_EQ(client_.closed[0].body, "permissions denied");
}

TEST_F(WebSocketTest, AMachineWithoutAServerRefuses) {
  const WebSocketOptions nobody = options();
  acceptor_.close();
  connect(nobody);
  run();
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::refused);
  EXPECT_THAT(client_.closed[0].why, HasSubstr("Connection refused"));
}

TEST_F(WebSocketTest, AServerThatDoesNotAnswerIsUnreachable) {
  WebSocketOptions hasty = options();
  hasty.connect_timeout = 30ms;
  connect(hasty);
  run();
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::unreachable);
  EXPECT_THAT(client_.closed[0].why, HasSubstr("no response in time"));
}

TEST_F(WebSocketTest, AConnectionThatBreaksIsLost) {
  serve_websocket([](auto& socket) -> asio::awaitable<void> {
    beast::get_lowest_layer(socket).close();
    co_return;
  });
  connect(options());
  run();
  EXPECT_TRUE(client_.opened);
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::lost);
}

TEST_F(WebSocketTest, AMessageThatIsTooLargeEndsIt) {
  serve_websocket([](auto& socket) -> asio::awaitable<void> {
    socket.binary(true);
    co_await socket.async_write(asio::buffer(std::string(2000, 'x')), asio::use_awaitable);
    beast::flat_buffer buffer;
    co_await socket.async_read(buffer, asio::use_awaitable);
  });
  WebSocketOptions small = options();
  small.max_message_bytes = 1000;
  connect(small);
  run();
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_TRUE(client_.messages.empty());
}

TEST_F(WebSocketTest, AServerThatDoesNotReadEndsIt) {
  serve_echo();
  WebSocketOptions small = options();
  small.max_queued_bytes = 1000;
  connect(small);
  client_.on_open = [&] { socket_->send(as_bytes(std::string(1001, 'x'))); };
  run();
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::lost);
  EXPECT_THAT(client_.closed[0].why, HasSubstr("does not read"));
}

TEST_F(WebSocketTest, MayBeDestroyedFromWithinACall) {
  serve_echo();
  connect(options());
  client_.on_open = [&] { socket_->send(as_bytes("x")); };
  client_.on_message = [&] { socket_.reset(); };
  run();
  EXPECT_EQ(client_.messages.size(), 1u);
  EXPECT_TRUE(client_.closed.empty());
}

TEST_F(WebSocketTest, MayBeDestroyedAtOnce) {
  connect(options());
  socket_.reset();
  run();
  EXPECT_FALSE(client_.opened);
  EXPECT_TRUE(client_.closed.empty());
}

TEST_F(WebSocketTest, MayOutliveItsContextsLastRun) {
  serve_echo();
  connect(options());
  context_.poll();  // whatever is under way is dropped with the context
}

class SecureWebSocketTest : public WebSocketTest {
 protected:
  SecureWebSocketTest() {
    tls_.use_certificate(asio::buffer(identity_.certificate), asio::ssl::context::pem);
    tls_.use_private_key(asio::buffer(identity_.key), asio::ssl::context::pem);
    std::ofstream(ca_file_) << identity_.certificate;
    serve([this](beast::tcp_stream& stream) -> asio::awaitable<void> {
      Served<beast::ssl_stream<beast::tcp_stream&>> socket(stream, tls_);
      co_await socket.next_layer().async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
      co_await socket.async_accept(asio::use_awaitable);
      beast::flat_buffer buffer;
      co_await socket.async_read(buffer, asio::use_awaitable);
    });
  }
  ~SecureWebSocketTest() override { std::filesystem::remove(ca_file_); }

  WebSocketOptions secure(std::string host, std::string ca_file) {
    WebSocketOptions result = options();
    result.tls = true;
    result.host = std::move(host);
    result.ca_file = std::move(ca_file);
    return result;
  }

  SelfSigned identity_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::string ca_file_ =
      testing::TempDir() + fmt::format("holdfast_websocket_{}.pem", acceptor_.local_endpoint().port());
};

TEST_F(SecureWebSocketTest, OpensWhereTheCertificateIsTrusted) {
  connect(secure("localhost", ca_file_));
  client_.on_open = [&] { socket_->close(); };
  run();
  EXPECT_TRUE(client_.opened);
}

TEST_F(SecureWebSocketTest, RefusesACertificateThatNobodyKnownSigned) {
  connect(secure("localhost", ""));
  run();
  EXPECT_FALSE(client_.opened);
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::untrusted);
  EXPECT_THAT(client_.closed[0].why, HasSubstr("self-signed"));
}

TEST_F(SecureWebSocketTest, RefusesACertificateOfAnotherName) {
  connect(secure("127.0.0.1", ca_file_));
  run();
  EXPECT_FALSE(client_.opened);
  ASSERT_EQ(client_.closed.size(), 1u);
  EXPECT_EQ(client_.closed[0].cause, Cause::untrusted);
}

}  // namespace
}  // namespace holdfast::io

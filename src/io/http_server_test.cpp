#include "io/http_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fstream>

namespace holdfast::io {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A client that speaks raw bytes: it decides where a request is cut and what is wrong with it. Server and
// client take turns on one thread, without waiting for any clock.
class HttpServerTest : public testing::Test {
 protected:
  void SetUp() override { open({}); }

  void open(HttpServer::Options options) {
    options.listen.endpoint.port = 0;
    auto opened =
        HttpServer::open(context_, readers_, options, [this](IncomingRequest request, HttpReply reply) {
          requests_.push_back(std::move(request));
          if (hold_replies_) return held_.push_back(std::move(reply));
          reply({200, {{"content-type", "text/plain"}}, "hello"});
        });
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(*opened);
  }

  asio::ip::tcp::socket connect() {
    asio::ip::tcp::socket socket(context_);
    socket.connect({asio::ip::address_v4::loopback(), server_->local().endpoint.port});
    socket.non_blocking(true);
    run();
    return socket;
  }

  void run() {
    context_.restart();
    context_.poll();
  }

  void send(asio::ip::tcp::socket& socket, std::string_view bytes) {
    while (!bytes.empty()) {
      boost::system::error_code error;
      bytes.remove_prefix(socket.write_some(asio::buffer(bytes), error));
      run();
      if (error && error != asio::error::would_block) return;
    }
  }

  // Lets the server work until the answer holds `end`, or the connection is closed.
  std::string receive(asio::ip::tcp::socket& socket, std::string_view end) {
    std::string text;
    closed_ = false;
    while (!closed_ && text.find(end) == std::string::npos) {
      char buffer[4096];
      boost::system::error_code error;
      const std::size_t size = socket.read_some(asio::buffer(buffer), error);
      text.append(buffer, size);
      closed_ = error && error != asio::error::would_block;
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(10));
    }
    return text;
  }
  std::string receive_until_closed(asio::ip::tcp::socket& socket) { return receive(socket, "\x01never"); }

  asio::io_context context_;
  InlineExecutor readers_;
  std::unique_ptr<HttpServer> server_;
  std::vector<IncomingRequest> requests_;
  std::vector<HttpReply> held_;
  bool hold_replies_ = false;
  bool closed_ = false;
};

TEST_F(HttpServerTest, a_request_reaches_the_handler_whole) {
  auto socket = connect();
  send(socket, "POST /a?b HTTP/1.1\r\nHost: x\r\nX-Thing:  1 \r\nX-Thing: 2\r\nContent-Length: 4\r\n\r\nbo");
  send(socket, "dy");
  EXPECT_THAT(receive(socket, "hello"), StartsWith("HTTP/1.1 200 OK\r\n"));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].method, "POST");
  EXPECT_EQ(requests_[0].target, "/a?b");
  EXPECT_EQ(requests_[0].path(), "/a");
  EXPECT_EQ(requests_[0].header("x-thing"), "1");
  EXPECT_EQ(requests_[0].count("x-thing"), 2U);
  EXPECT_EQ(requests_[0].body, "body");
  EXPECT_TRUE(requests_[0].remote.address.is_loopback());
}

TEST_F(HttpServerTest, a_connection_serves_many_requests_also_pipelined_ones) {
  auto socket = connect();
  for (int i = 0; i < 3; ++i) {
    send(socket, "GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
    receive(socket, "hello");
  }
  send(socket,
       "GET /two HTTP/1.1\r\nHost: x\r\n\r\nGET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(receive_until_closed(socket), HasSubstr("Connection: close"));
  ASSERT_EQ(requests_.size(), 5U);
  EXPECT_EQ(requests_[4].target, "/three");
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, a_reply_may_come_later) {
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(held_.size(), 1U);
  held_[0]({204, {{"etag", "\"1\""}}, {}});
  const std::string answer = receive(socket, "\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answer, HasSubstr("etag: \"1\""));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
}

TEST_F(HttpServerTest, a_reply_that_is_dropped_is_answered_503) {
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  held_.clear();
  EXPECT_THAT(receive(socket, "}"), StartsWith("HTTP/1.1 503"));
}

TEST_F(HttpServerTest, a_reply_may_outlive_client_and_server) {
  hold_replies_ = true;
  {
    auto socket = connect();
    send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  server_.reset();
  run();
  ASSERT_EQ(held_.size(), 1U);
  held_[0]({200, {}, "late"});
  run();
}

TEST_F(HttpServerTest, head_has_the_length_but_not_the_body) {
  auto socket = connect();
  send(socket, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = receive_until_closed(socket);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, a_large_body_is_asked_for_before_it_is_sent) {
  auto socket = connect();
  send(socket, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_THAT(receive(socket, "\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  send(socket, "ok");
  EXPECT_THAT(receive(socket, "hello"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(requests_.at(0).body, "ok");
}

TEST_F(HttpServerTest, what_is_no_request_is_refused_and_closed) {
  const std::pair<std::string, std::string_view> cases[] = {
      {"\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400"},
      {"GET /\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", "HTTP/1.1 400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nabc", "HTTP/1.1 413"},
      {"POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", "HTTP/1.1 417"},
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "HTTP/1.1 431"},
  };
  for (const auto& [bytes, expected] : cases) {
    auto socket = connect();
    send(socket, bytes);
    boost::system::error_code ignored;
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    EXPECT_THAT(receive_until_closed(socket), StartsWith(expected)) << bytes.substr(0, 60);
  }
  EXPECT_TRUE(requests_.empty());
}

TEST_F(HttpServerTest, a_chunked_body_too_large_is_refused) {
  server_.reset();
  open({.max_body_bytes = 10});
  auto socket = connect();
  send(socket,
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n");
  boost::system::error_code ignored;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  EXPECT_THAT(receive_until_closed(socket), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, over_the_limit_the_connection_that_is_idle_for_longest_makes_room) {
  server_.reset();
  open({.max_connections = 2});
  auto one = connect();
  auto two = connect();
  auto three = connect();
  EXPECT_EQ(receive_until_closed(one), "");
  EXPECT_EQ(server_->connections(), 2U);
  for (auto* each : {&two, &three}) {
    send(*each, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(receive(*each, "hello"), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(HttpServerTest, while_all_are_busy_connections_over_the_limit_are_closed) {
  server_.reset();
  open({.max_connections = 1});
  hold_replies_ = true;
  auto busy = connect();
  send(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto refused = connect();
  EXPECT_EQ(receive_until_closed(refused), "");
  held_[0]({200, {}, "answer"});
  EXPECT_THAT(receive(busy, "answer"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, a_chunk_header_without_an_end_is_not_kept) {
  auto socket = connect();
  send(socket, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  for (int i = 0; i < 64; ++i) send(socket, std::string(4096, 'x'));
  EXPECT_THAT(receive_until_closed(socket), StartsWith("HTTP/1.1 431"));
  EXPECT_TRUE(requests_.empty());
}

// --- Unix sockets

class UnixSocketTest : public HttpServerTest {
 protected:
  void SetUp() override {}
  Result<std::unique_ptr<HttpServer>> listen() {
    return HttpServer::open(context_, readers_, {.listen = {.socket_path = path_}},
                            [](const IncomingRequest&, HttpReply reply) { reply({200, {}, "hello"}); });
  }
  const std::string path_ = testing::TempDir() + "holdfast-" + std::to_string(getpid()) + ".sock";
};

TEST_F(UnixSocketTest, requests_come_by_it_and_its_file_goes_with_the_server) {
  auto server = listen();
  ASSERT_TRUE(server) << server.error().message;
  asio::local::stream_protocol::socket socket(context_);
  socket.connect(asio::local::stream_protocol::endpoint(path_));
  asio::write(socket, asio::buffer(std::string_view("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  run();
  char answer[16];
  asio::read(socket, asio::buffer(answer));
  EXPECT_EQ(std::string_view(answer, 16), "HTTP/1.1 200 OK\r");
  server->reset();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(UnixSocketTest, an_abandoned_file_is_replaced_and_one_in_use_is_not) {
  {
    asio::local::stream_protocol::acceptor killed(context_, asio::local::stream_protocol::endpoint(path_));
  }
  ASSERT_EQ(access(path_.c_str(), F_OK), 0);
  auto server = listen();
  ASSERT_TRUE(server) << server.error().message;
  const auto second = listen();
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(path_));
  EXPECT_EQ(access(path_.c_str(), F_OK), 0) << "the second one removed the socket of the first";
}

TEST_F(UnixSocketTest, a_file_that_is_no_socket_is_never_removed) {
  std::ofstream(path_) << "a recording";
  EXPECT_FALSE(listen());
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
  unlink(path_.c_str());
}

// --- Streamed bodies

// Gives a text in pieces; `waits` times there is nothing yet.
class Pieces final : public HttpBody {
 public:
  Pieces(std::string text, std::size_t piece, std::optional<std::uint64_t> size, int waits = 0)
      : text_(std::move(text)), piece_(piece), size_(size), waits_(waits) {}
  std::optional<std::uint64_t> size() const override { return size_; }
  Result<Piece> read(MutableBytes into) override {
    ++reads;
    if (waits_ > 0) {
      --waits_;
      return Piece{0, Piece::Next::wait};
    }
    const std::size_t bytes = std::min({piece_, into.size(), text_.size() - given});
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(given), bytes, into.begin());
    given += bytes;
    return Piece{bytes, given == text_.size() ? Piece::Next::end : Piece::Next::more};
  }
  std::size_t given = 0;
  int reads = 0;

 private:
  const std::string text_;
  const std::size_t piece_;
  const std::optional<std::uint64_t> size_;
  int waits_;
};

TEST_F(HttpServerTest, a_body_of_known_size_is_sent_in_pieces) {
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  held_[0]({200, {}, "", std::make_shared<Pieces>("one two three", 4, 13)});
  const std::string answer = receive(socket, "three");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 13\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\none two three"));
  hold_replies_ = false;
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(receive(socket, "hello"), StartsWith("HTTP/1.1 200")) << "the connection goes on";
}

TEST_F(HttpServerTest, a_body_of_unknown_size_is_chunked_and_may_have_to_wait) {
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  held_[0]({200, {}, "", std::make_shared<Pieces>("one two", 4, std::nullopt, 1)});
  const std::string answer = receive(socket, "0\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"));
}

TEST_F(HttpServerTest, head_gets_the_size_and_no_body) {
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto body = std::make_shared<Pieces>("one two three", 4, 13);
  held_[0]({200, {}, "", body});
  EXPECT_THAT(receive(socket, "\r\n\r\n"), HasSubstr("Content-Length: 13\r\n"));
  EXPECT_EQ(body->reads, 0);
}

TEST_F(HttpServerTest, a_client_that_takes_nothing_is_read_ahead_of_by_little_and_holds_up_nobody) {
  constexpr std::size_t large = std::size_t{64} << 20;
  hold_replies_ = true;
  auto stalled = connect();
  send(stalled, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto body = std::make_shared<Pieces>(std::string(large, 'x'), large, large);
  held_[0]({200, {}, "", body});
  for (int i = 0; i < 2000; ++i) run();
  EXPECT_LT(body->given, large / 4) << "what a client does not take is not read";
  hold_replies_ = false;
  auto other = connect();
  send(other, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(receive(other, "hello"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, a_client_that_stalls_for_too_long_is_closed) {
  server_.reset();
  open({.stall_timeout = std::chrono::milliseconds(1)});
  hold_replies_ = true;
  auto stalled = connect();
  send(stalled, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  constexpr std::size_t large = std::size_t{64} << 20;
  held_[0]({200, {}, "", std::make_shared<Pieces>(std::string(large, 'x'), large, large)});
  for (int i = 0; i < 2000 && server_->connections() > 0; ++i) {
    context_.restart();
    context_.run_one_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(HttpServerTest, a_body_that_fails_ends_the_connection) {
  class Failing final : public HttpBody {
   public:
    std::optional<std::uint64_t> size() const override { return 10; }
    Result<Piece> read(MutableBytes) override { return fail(ErrorCode::io, "the disk is gone"); }
  };
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  held_[0]({200, {}, "", std::make_shared<Failing>()});
  EXPECT_THAT(receive_until_closed(socket), testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, a_body_that_claims_more_than_it_was_given_room_for_is_a_fault_of_ours) {
  class Lying final : public HttpBody {
   public:
    std::optional<std::uint64_t> size() const override { return std::uint64_t{1} << 30; }
    Result<Piece> read(MutableBytes into) override { return Piece{into.size() + 1, Piece::Next::more}; }
  };
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_DEATH(
      {
        held_[0]({200, {}, "", std::make_shared<Lying>()});
        receive(socket, "never");
      },
      "CHECK");
}

TEST_F(HttpServerTest, too_many_streams_are_refused) {
  server_.reset();
  open({.max_streams = 0});
  hold_replies_ = true;
  auto socket = connect();
  send(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  held_[0]({200, {}, "", std::make_shared<Pieces>("one", 4, 3)});
  const std::string answer = receive(socket, "later");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 10\r\n"));
}

TEST_F(HttpServerTest, silence_is_not_waited_for_forever) {
  server_.reset();
  open({.idle_timeout = std::chrono::milliseconds(1), .transfer_timeout = std::chrono::milliseconds(1)});
  auto silent = connect();
  EXPECT_EQ(receive_until_closed(silent), "");
}

TEST_F(HttpServerTest, stopping_answers_what_is_under_way_and_leaves_nothing_behind) {
  hold_replies_ = true;
  auto idle = connect();
  auto busy = connect();
  send(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(held_.size(), 1U);
  server_->stop();
  EXPECT_EQ(receive_until_closed(idle), "");
  held_[0]({200, {}, "last"});
  EXPECT_THAT(receive_until_closed(busy), HasSubstr("Connection: close"));
  EXPECT_EQ(server_->connections(), 0U);
  context_.restart();
  context_.run();  // returns: no work is left
}

TEST_F(HttpServerTest, an_address_in_use_is_said) {
  auto second = HttpServer::open(context_, readers_, {.listen = server_->local()},
                                 [](const IncomingRequest&, HttpReply) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::io);
  EXPECT_THAT(second.error().message, HasSubstr(server_->local().to_string()));
}

}  // namespace
}  // namespace holdfast::io

#include "io/livekit_connection.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <functional>

#include "livekit/signal.pb.h"

namespace holdfast::io {
namespace {

using namespace std::chrono_literals;
using livekit::EndKind;
using testing::HasSubstr;
using testing::Not;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace wire = livekit::wire;

// A LiveKit server: lets a visitor in with an offer, or goes on with its session, and answers a goodbye; or
// declines. One visitor, once.
class FakeServer {
 public:
  explicit FakeServer(asio::io_context& context) : acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context, serve(), [](const std::exception_ptr&) {});
  }
  livekit::ServerUrl url() const {
    return {livekit::Transport::plain, "127.0.0.1", acceptor_.local_endpoint().port(), ""};
  }

  std::optional<http::response<http::string_body>> decline;
  http::request<http::string_body> request;
  std::vector<wire::SignalRequest> received;
  bool drops_visitors = false;  // once they are in

 private:
  asio::awaitable<void> serve() {
    try {
      co_await serve_one(co_await acceptor_.async_accept(asio::use_awaitable));
    } catch (const boost::system::system_error&) {
      co_return;  // the visitor is gone
    }
  }
  asio::awaitable<void> serve_one(asio::ip::tcp::socket visitor) {
    beast::tcp_stream stream(std::move(visitor));
    beast::flat_buffer buffer;
    request = {};
    co_await http::async_read(stream, buffer, request, asio::use_awaitable);
    if (decline) {
      decline->prepare_payload();
      co_await http::async_write(stream, *decline, asio::use_awaitable);
      co_return;
    }
    beast::websocket::stream<beast::tcp_stream&> socket(stream);
    co_await socket.async_accept(request, asio::use_awaitable);
    socket.binary(true);
    wire::SignalResponse join;
    if (request.target().find("reconnect=1") != request.target().npos) {
      join.mutable_reconnect();
    } else {
      join.mutable_join()->mutable_room()->set_name("demo");
      join.mutable_join()->mutable_participant()->set_sid("PA/1");
    }
    co_await socket.async_write(asio::buffer(join.SerializeAsString()), asio::use_awaitable);
    wire::SignalResponse offer;
    offer.mutable_offer()->set_id(5);
    co_await socket.async_write(asio::buffer(offer.SerializeAsString()), asio::use_awaitable);
    while (!drops_visitors) {
      buffer.clear();
      co_await socket.async_read(buffer, asio::use_awaitable);
      received.emplace_back().ParseFromString(beast::buffers_to_string(buffer.data()));
      if (!received.back().has_leave()) continue;
      wire::SignalResponse leave;
      leave.mutable_leave()->set_reason(wire::CLIENT_INITIATED);
      co_await socket.async_write(asio::buffer(leave.SerializeAsString()), asio::use_awaitable);
    }
  }

  asio::ip::tcp::acceptor acceptor_;
};

struct Owner final : LivekitHandler {
  void handle_message(Bytes message) override {
    wire::SignalResponse& response = heard.emplace_back();
    ASSERT_TRUE(response.ParseFromArray(message.data(), static_cast<int>(message.size())));
    if (react) react(response);
  }
  void handle_closed(const livekit::Ended& why) override {
    ended.push_back(why);
    connection.reset();
  }

  std::vector<wire::SignalResponse> heard;
  std::vector<livekit::Ended> ended;
  std::function<void(const wire::SignalResponse&)> react;
  std::unique_ptr<LivekitConnection> connection;
};

class LivekitConnectionTest : public testing::Test {
 protected:
  void connect(const std::string& target) {
    const LivekitOptions options{.server = server_.url(), .target = target, .token = "SECRET"};
    owner_.connection = std::make_unique<LivekitConnection>(context_, options, owner_);
  }
  void join() { connect(livekit::signal_target(server_.url())); }
  void say_goodbye() {
    wire::SignalRequest request;
    request.mutable_leave()->set_reason(wire::CLIENT_INITIATED);
    const std::string bytes = request.SerializeAsString();
    owner_.connection->send(as_bytes(bytes));
  }

  asio::io_context context_;
  FakeServer server_{context_};
  Owner owner_;
};

TEST_F(LivekitConnectionTest, CarriesMessagesBothWays) {
  join();
  owner_.react = [&](const wire::SignalResponse& response) {
    if (response.has_offer()) say_goodbye();
    if (response.has_leave()) owner_.connection->close();
  };
  while (owner_.ended.empty()) context_.run_one();
  ASSERT_EQ(owner_.heard.size(), 3u);
  EXPECT_EQ(owner_.heard[0].join().room().name(), "demo");
  EXPECT_EQ(owner_.heard[1].offer().id(), 5u);
  ASSERT_EQ(server_.received.size(), 1u);
  EXPECT_TRUE(server_.received[0].has_leave());
}

TEST_F(LivekitConnectionTest, ShowsItsTokenInTheHeaderOnly) {
  join();
  while (owner_.heard.empty()) context_.run_one();
  EXPECT_EQ(server_.request[http::field::authorization], "Bearer SECRET");
  EXPECT_THAT(std::string(server_.request.target()), Not(HasSubstr("SECRET")));
  EXPECT_THAT(std::string(server_.request.target()), HasSubstr("auto_subscribe=0"));
}

TEST_F(LivekitConnectionTest, ExplainsARefusalWithoutRepeatingTheToken) {
  server_.decline.emplace(http::status::unauthorized, 11,
                          "invalid token: SECRET, error: token is expired (exp)");
  join();
  context_.run();
  ASSERT_EQ(owner_.ended.size(), 1u);
  EXPECT_EQ(owner_.ended[0].kind, EndKind::refused);
  EXPECT_THAT(owner_.ended[0].why, HasSubstr("expired"));
  EXPECT_THAT(owner_.ended[0].why, Not(HasSubstr("SECRET")));
}

TEST_F(LivekitConnectionTest, AServerThatDropsUsMayStillHaveOurSession) {
  server_.drops_visitors = true;
  join();
  while (owner_.ended.empty()) context_.run_one();
  EXPECT_EQ(owner_.ended[0].kind, EndKind::resume);
}

TEST_F(LivekitConnectionTest, GoesOnWithASessionWhereTheTargetSaysSo) {
  connect(livekit::resume_target(server_.url(), "PA/1"));
  while (owner_.heard.empty()) context_.run_one();
  EXPECT_TRUE(owner_.heard[0].has_reconnect());
  EXPECT_THAT(std::string(server_.request.target()), HasSubstr("&reconnect=1&sid=PA%2F1"));
}

TEST_F(LivekitConnectionTest, IsSilentOnceDestroyed) {
  join();
  context_.poll();
  owner_.connection.reset();
  context_.poll();
  EXPECT_TRUE(owner_.ended.empty());
}

}  // namespace
}  // namespace holdfast::io

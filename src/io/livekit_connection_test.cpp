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
// declines. One visitor at a time.
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
  int visitors = 1;             // to come

 private:
  asio::awaitable<void> serve() {
    while (visitors-- > 0) {
      try {
        co_await serve_one(co_await acceptor_.async_accept(asio::use_awaitable));
      } catch (const boost::system::system_error&) {  // the visitor is gone
      }
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

struct Owner final : livekit::RoomEvents {
  void on_joined(std::string_view room_name, std::string_view) override { room = room_name; }
  void on_resumed() override { resumed = true; }
  void on_offer(const livekit::Offer& offer) override {
    if (react) react(offer);
  }
  void on_candidate(std::string_view) override {}
  void on_track_added(const livekit::Track&) override {}
  void on_track_changed(const livekit::Track&) override {}
  void on_track_removed(const livekit::Track&) override {}
  void on_track_refused(const livekit::Track&) override {}
  void on_publisher_left(std::string_view) override {}
  void on_participant(std::string_view) override {}
  void on_participant_gone(std::string_view) override {}
  void on_token(std::string_view) override {}
  void on_ended(const livekit::Ended& value) override {
    ended.push_back(value);
    if (value.kind != EndKind::resume) connection.reset();
  }

  std::string room;
  bool resumed = false;
  std::vector<livekit::Ended> ended;
  std::function<void(const livekit::Offer&)> react;
  std::unique_ptr<LivekitConnection> connection;
};

class LivekitConnectionTest : public testing::Test {
 protected:
  void join() {
    LivekitOptions options;
    options.server = server_.url();
    options.token = "SECRET";
    owner_.connection = std::make_unique<LivekitConnection>(context_, options, owner_);
  }

  asio::io_context context_;
  FakeServer server_{context_};
  Owner owner_;
};

TEST_F(LivekitConnectionTest, JoinsAnswersAndLeaves) {
  join();
  owner_.react = [&](const livekit::Offer& offer) {
    owner_.connection->send_answer(offer.id, "v=0");
    owner_.connection->leave();
  };
  context_.run();
  EXPECT_EQ(owner_.room, "demo");
  ASSERT_EQ(server_.received.size(), 2u);
  EXPECT_EQ(server_.received[0].answer().id(), 5u);
  EXPECT_TRUE(server_.received[1].has_leave());
  ASSERT_EQ(owner_.ended.size(), 1u);
  EXPECT_EQ(owner_.ended[0].kind, EndKind::left);
}

TEST_F(LivekitConnectionTest, ShowsItsTokenInTheHeaderOnly) {
  join();
  owner_.react = [&](const livekit::Offer&) { owner_.connection->leave(); };
  context_.run();
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

TEST_F(LivekitConnectionTest, LeavingBeforeItIsOpenEndsItToo) {
  join();
  owner_.connection->leave();
  while (owner_.ended.empty()) context_.run_one();  // the server waits on
  ASSERT_EQ(owner_.ended.size(), 1u);
  EXPECT_EQ(owner_.ended[0].kind, EndKind::left);
}

TEST_F(LivekitConnectionTest, GoesOnWithItsSessionOverAnotherWebSocket) {
  server_.drops_visitors = true;
  server_.visitors = 2;
  join();
  while (owner_.ended.empty()) context_.run_one();
  EXPECT_EQ(owner_.ended.back().kind, EndKind::resume);
  server_.drops_visitors = false;
  owner_.connection->resume("NEWER");
  while (!owner_.resumed) context_.run_one();
  EXPECT_THAT(std::string(server_.request.target()), HasSubstr("&reconnect=1&sid=PA%2F1"));
  EXPECT_EQ(server_.request[http::field::authorization], "Bearer NEWER");
  owner_.connection->leave();
  while (owner_.ended.size() < 2) context_.run_one();
  EXPECT_EQ(owner_.ended.back().kind, EndKind::left);
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

#include "io/http_client.hpp"

#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>
#include <utility>

namespace holdfast::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
namespace asio = boost::asio;

// Serves one connection: keeps what it was asked, and answers with the bytes given (none: never answers).
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this, answer = std::move(answer)] { serve(answer); }) {}
  ~OneShotServer() { thread_.join(); }

  std::string url(std::string_view path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", acceptor_.local_endpoint().port(), path);
  }
  // Header fields and body, once the client has its answer.
  const std::string& asked() const { return asked_; }

 private:
  void serve(const std::string& answer) {
    auto socket = acceptor_.accept();
    boost::system::error_code ignored;
    asio::read_until(socket, asio::dynamic_buffer(asked_), "\r\n\r\n", ignored);
    const auto head = asked_.find("\r\n\r\n") + 4;
    const auto at = asked_.find("Content-Length: ");
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(asked_.substr(at + 16));
    if (asked_.size() < head + length) {
      asio::read(socket, asio::dynamic_buffer(asked_), asio::transfer_exactly(head + length - asked_.size()),
                 ignored);
    }
    asio::write(socket, asio::buffer(answer), ignored);
    char rest = 0;
    if (answer.empty()) asio::read(socket, asio::buffer(&rest, 1), ignored);  // until the client gives up
  }

  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::string asked_;
  std::thread thread_;
};

class HttpClientTest : public testing::Test {
 protected:
  Result<HttpResponse> ask(HttpRequest request) {
    std::promise<Result<HttpResponse>> promise;
    client_.send(std::move(request), executor_,
                 [&](Result<HttpResponse> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }

  InlineExecutor executor_;
  HttpClient client_;
};

TEST_F(HttpClientTest, PostsABodyAndReadsStatusHeadersAndBody) {
  OneShotServer server(
      "HTTP/1.1 201 Created\r\nLocation: /whip/1\r\nETag:  \"a\" \r\nContent-Length: 5\r\n\r\nhello");
  const auto response = ask({.method = "POST",
                             .url = server.url("/whip?x=1"),
                             .headers = {{"Content-Type", "application/sdp"}, {"Authorization", "Bearer T"}},
                             .body = "v=0"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->header("location"), "/whip/1");
  EXPECT_EQ(response->header("etag"), "\"a\"");
  EXPECT_EQ(response->header("absent"), "");
  EXPECT_EQ(response->body, "hello");
  EXPECT_THAT(server.asked(), testing::StartsWith("POST /whip?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(server.asked(), HasSubstr("Content-Type: application/sdp\r\n"));
  EXPECT_THAT(server.asked(), testing::EndsWith("\r\n\r\nv=0"));
}

TEST_F(HttpClientTest, KnowsEveryMethod) {
  OneShotServer server("HTTP/1.1 204 No Content\r\n\r\n");
  const auto response = ask({.method = "DELETE", .url = server.url()});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 204);
  EXPECT_THAT(server.asked(), testing::StartsWith("DELETE / HTTP/1.1\r\n"));
}

TEST_F(HttpClientTest, ARedirectIsAResponseUnlessToldToFollow) {
  OneShotServer target("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const std::string redirect =
      fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", target.url());
  OneShotServer first(redirect);
  const auto refused = ask({.url = first.url()});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 302);
  OneShotServer second(redirect);
  const auto followed = ask({.url = second.url(), .redirects = Redirects::follow});
  ASSERT_TRUE(followed);
  EXPECT_EQ(followed->body, "ok");
  EXPECT_EQ(followed->header("location"), "");
}

TEST_F(HttpClientTest, AnAnswerThatIsTooLargeIsAnError) {
  OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'));
  const auto response = ask({.url = server.url(), .max_response_bytes = 1000});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::io);
  EXPECT_THAT(response.error().message, HasSubstr("1000 bytes"));
}

TEST_F(HttpClientTest, AnAnswerCutShortIsAnError) {
  OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nx");
  const auto response = ask({.url = server.url()});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::io);
}

TEST_F(HttpClientTest, AServerThatNeverAnswersIsUnavailable) {
  OneShotServer server("");
  const auto response = ask({.url = server.url(), .timeout = 50ms});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
}

TEST_F(HttpClientTest, ErrorsNameTheHostAndNothingSecret) {
  asio::io_context context;
  asio::ip::tcp::acceptor closed(context, {asio::ip::address_v4::loopback(), 0});
  const auto port = closed.local_endpoint().port();
  closed.close();
  const auto response = ask({.url = fmt::format("http://u:SECRET@127.0.0.1:{}/SECRET?t=SECRET", port)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unavailable);
  EXPECT_THAT(response.error().message, HasSubstr(fmt::format("127.0.0.1:{}:", port)));
  EXPECT_THAT(response.error().message, Not(HasSubstr("SECRET")));
}

TEST_F(HttpClientTest, RefusesWhatIsNoHttpRequest) {
  for (const char* url : {"", "file:///etc/passwd", "nonsense://x", "http://"}) {
    const auto response = ask({.url = url});
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().code, ErrorCode::invalid) << url;
  }
  const auto injected = ask({.url = "http://127.0.0.1:1/", .headers = {{"X", "a\r\nY: b"}}});
  ASSERT_FALSE(injected);
  EXPECT_EQ(injected.error().code, ErrorCode::invalid);
}

TEST(HttpClient, ForgetsWhatIsUnderWayWhenItGoes) {
  OneShotServer server("");
  InlineExecutor executor;
  bool called = false;
  {
    HttpClient client;
    client.send({.url = server.url()}, executor, [&](const auto&) { called = true; });
  }
  EXPECT_FALSE(called);
  // Where the request never got out, somebody must come for the server to end.
  asio::io_context context;
  asio::ip::tcp::socket visitor(context);
  boost::system::error_code ignored;
  visitor.connect(
      {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(server.url().substr(17)))},
      ignored);
}

}  // namespace
}  // namespace holdfast::io

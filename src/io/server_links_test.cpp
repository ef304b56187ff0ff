#include "io/server_links.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>

#include "io/clock.hpp"
#include "io/self_signed_test.hpp"
#include "io/storage_thread.hpp"

namespace holdfast::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace asio = boost::asio;
using asio::ip::tcp;

// What is told of the links, readable from the test's thread.
class Told final : public LinkEvents {
 public:
  void on_link_open(Instant, LinkId) override { note("open"); }
  void on_link_bytes(Instant, LinkId, MutableBytes bytes) override { note(std::string(as_text(bytes))); }
  void on_link_closed(Instant, LinkId, std::string_view why) override { note("closed: " + std::string(why)); }
  // The whole story, once it contains this; or what there was of it when patience ended.
  std::string wait_for(const std::string& text) {
    std::unique_lock guard(mutex_);
    changed_.wait_for(guard, 10s, [&] { return story_.find(text) != std::string::npos; });
    return story_;
  }

 private:
  void note(const std::string& what) {
    const std::lock_guard guard(mutex_);
    story_ += what + '|';
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string story_;
};

// A session on its worker, of which there is only its links.
class ServerLinksTest : public testing::Test, private DatagramHandler {
 protected:
  // Not in the constructor: the worker calls us as soon as it knows us.
  void SetUp() override {
    on_worker([this] {
      links_ = std::make_unique<ServerLinks>(worker_, lookups_, ca_file_, told_);
      ASSERT_TRUE(worker_.add({IpAddress::from_v4(127, 0, 0, 1), 0}, *this));
    });
  }
  void TearDown() override {
    on_worker([this] {
      links_.reset();
      worker_.remove(*this);
    });
    std::filesystem::remove(ca_file_);
  }

  void on_worker(std::function<void()> job) {
    std::promise<void> done;
    worker_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().get();
  }
  void open(LinkKind kind, const std::string& host, std::uint16_t port) {
    on_worker([&] { link_ = links_->open({kind, host, port}); });
  }
  void send(const std::string& text) {
    on_worker([&] {
      links_->send(link_, as_bytes(text));
      links_->flush();
    });
  }

  void handle_datagram(Instant, const Endpoint&, MutableBytes, Outbox&) override {}
  void handle_tick(const Now&, Outbox&) override {
    links_->clear_activity();
    links_->flush();
  }
  Instant deadline() override { return links_ && links_->is_active() ? Instant{} : never; }

  const std::string ca_file_ =
      std::filesystem::temp_directory_path() / ("holdfast_links_" + std::to_string(getpid()) + ".pem");
  Told told_;
  Worker worker_{{}};
  StorageThread lookups_;
  std::unique_ptr<ServerLinks> links_;
  LinkId link_{};
  asio::io_context context_;
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port_ = acceptor_.local_endpoint().port();
};

TEST_F(ServerLinksTest, ATcpLinkCarriesBytesBothWays) {
  open(LinkKind::tcp, "127.0.0.1", port_);
  tcp::socket server = acceptor_.accept();
  EXPECT_EQ(told_.wait_for("open|"), "open|");
  send("hello");
  std::string heard(5, ' ');
  asio::read(server, asio::buffer(heard));
  EXPECT_EQ(heard, "hello");
  asio::write(server, asio::buffer("and back", 8));
  EXPECT_THAT(told_.wait_for("and back"), HasSubstr("open|and back|"));
}

TEST_F(ServerLinksTest, ANameIsLookedUpAndItsAddressesTriedInTurn) {
  open(LinkKind::tcp, "localhost", port_);  // ::1 may come first, where nobody listens
  tcp::socket server = acceptor_.accept();
  EXPECT_EQ(told_.wait_for("open|"), "open|");
}

TEST_F(ServerLinksTest, WhatCannotBeReachedIsToldWithItsReason) {
  acceptor_.close();
  open(LinkKind::tcp, "127.0.0.1", port_);
  EXPECT_THAT(told_.wait_for("closed"), HasSubstr("closed: cannot connect: Connection refused"));
  open(LinkKind::tcp, "no-such-host.invalid", 1);
  EXPECT_THAT(told_.wait_for("resolve"), HasSubstr("cannot resolve the host name"));
}

TEST_F(ServerLinksTest, TheOtherSidesCloseIsTold) {
  open(LinkKind::tcp, "127.0.0.1", port_);
  acceptor_.accept().close();
  EXPECT_EQ(told_.wait_for("closed"), "open|closed: the server closed the connection|");
}

TEST_F(ServerLinksTest, WhatIsSentBeforeClosingStillGoesOut) {
  open(LinkKind::tcp, "127.0.0.1", port_);
  tcp::socket server = acceptor_.accept();
  told_.wait_for("open|");
  on_worker([&] {
    links_->send(link_, as_bytes("goodbye"));
    links_->close(link_);
  });
  std::string heard;
  boost::system::error_code end;
  asio::read(server, asio::dynamic_buffer(heard), end);
  EXPECT_EQ(heard, "goodbye");
  EXPECT_EQ(end, asio::error::eof);
}

TEST_F(ServerLinksTest, WhoReadsNothingCostsABoundedQueue) {
  open(LinkKind::tcp, "127.0.0.1", port_);
  tcp::socket server = acceptor_.accept();
  told_.wait_for("open|");
  std::uint64_t dropped = 0;
  const std::string message(1'000, 'x');
  on_worker([&] {
    for (int i = 0; i < 20'000; ++i) {
      links_->send(link_, as_bytes(message));
      links_->flush();
    }
    dropped = links_->dropped();
  });
  EXPECT_GT(dropped, 0u);
  // What was taken comes whole and in order, and then it goes on.
  std::string heard((20'000 - dropped) * message.size(), ' ');
  asio::read(server, asio::buffer(heard));
  EXPECT_EQ(heard.find_first_not_of('x'), std::string::npos);
  send("more");
  heard.resize(4);
  asio::read(server, asio::buffer(heard));
  EXPECT_EQ(heard, "more");
}

TEST_F(ServerLinksTest, AUdpLinkHearsItsServerOnly) {
  using asio::ip::udp;
  udp::socket server(context_, {asio::ip::address_v4::loopback(), 0});
  udp::socket stranger(context_, {asio::ip::address_v4::loopback(), 0});
  open(LinkKind::udp, "127.0.0.1", server.local_endpoint().port());
  told_.wait_for("open|");
  send("question");
  std::array<char, 100> buffer;
  udp::endpoint from;
  EXPECT_EQ(server.receive_from(asio::buffer(buffer), from), 8u);
  stranger.send_to(asio::buffer("lie", 3), from);
  server.send_to(asio::buffer("answer", 6), from);
  EXPECT_EQ(told_.wait_for("answer"), "open|answer|");
}

// A server with a certificate for "localhost", signed by its own key, and a file of whom to trust.
class SecureLinksTest : public ServerLinksTest {
 protected:
  SecureLinksTest() { make_certificate(); }

  // Another one for the server, which is the one to be trusted from now on.
  void make_certificate() {
    const SelfSigned made;
    tls_.use_certificate(asio::buffer(made.certificate), asio::ssl::context::pem);
    tls_.use_private_key(asio::buffer(made.key), asio::ssl::context::pem);
    trust(made.certificate);
  }
  std::string trusted() const {
    std::ifstream file(ca_file_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void trust(const std::string& certificates) { std::ofstream(ca_file_, std::ios::trunc) << certificates; }
  void expect_refused(const std::string& host, const std::string& why) {
    open(LinkKind::tls, host, port_);
    asio::ssl::stream<tcp::socket> server(acceptor_.accept(), tls_);
    boost::system::error_code refused;
    std::ignore = server.handshake(asio::ssl::stream_base::server, refused);
    EXPECT_THAT(told_.wait_for("closed"), HasSubstr("closed: the server's certificate is not valid: " + why));
  }
  asio::ssl::context tls_{asio::ssl::context::tls_server};
};

TEST_F(SecureLinksTest, ATlsLinkCarriesBytesBothWays) {
  open(LinkKind::tls, "localhost", port_);
  asio::ssl::stream<tcp::socket> server(acceptor_.accept(), tls_);
  server.handshake(asio::ssl::stream_base::server);
  EXPECT_EQ(told_.wait_for("open|"), "open|");
  send("hello");
  std::string heard(5, ' ');
  asio::read(server, asio::buffer(heard));
  EXPECT_EQ(heard, "hello");
  asio::write(server, asio::buffer("and back", 8));
  EXPECT_THAT(told_.wait_for("and back"), HasSubstr("and back|"));
}

TEST_F(SecureLinksTest, ACertificateForAnotherNameIsRefused) {
  expect_refused("127.0.0.1", "IP address mismatch");
}

TEST_F(SecureLinksTest, ACertificateThatNobodyTrustsIsRefused) {
  const std::string former = trusted();
  make_certificate();
  trust(former);
  expect_refused("localhost", "");
}

TEST_F(SecureLinksTest, AFileWithoutCertificatesToTrustIsNamed) {
  trust("");
  open(LinkKind::tls, "localhost", port_);
  EXPECT_THAT(told_.wait_for("closed"),
              HasSubstr("cannot read the trusted CA certificates from " + ca_file_));
}

}  // namespace
}  // namespace holdfast::io

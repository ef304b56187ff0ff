#include "io/worker.hpp"

#include <gtest/gtest.h>

#include <future>

namespace holdfast::io {
namespace {

class Counting final : public DatagramHandler {
 public:
  void handle_datagram(Instant, const Endpoint&, MutableBytes datagram, Outbox&) override {
    bytes += datagram.size();
  }
  void handle_tick(const Now&, Outbox&) override {}
  Instant deadline() override { return never; }

  std::size_t bytes = 0;
};

class WorkerTest : public testing::Test {
 protected:
  // On the worker's thread, and waits for it.
  void run(std::move_only_function<void()> job) {
    std::promise<void> done;
    worker_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }
  static void send(UdpSocket& to, std::size_t bytes) {
    auto from = UdpSocket::open({IpAddress::from_v4(127, 0, 0, 1), 0}, 1 << 16);
    ASSERT_TRUE(from);
    from->send(to.local_endpoint(), ByteVector(bytes));
    from->flush();
  }

  Worker worker_{{}};
  Counting handler_;
};

TEST_F(WorkerTest, AJobGetsWhatHasComeWithoutWaitingForTheTick) {
  run([&] {
    const auto socket = worker_.add({IpAddress::from_v4(127, 0, 0, 1), 0}, handler_);
    ASSERT_TRUE(socket);
    send(**socket, 100);
    send(**socket, 200);
    EXPECT_EQ(handler_.bytes, 0U);
    worker_.receive(handler_);
    EXPECT_EQ(handler_.bytes, 300U);
    worker_.remove(handler_);
    send(**socket, 400);
    worker_.receive(handler_);
    EXPECT_EQ(handler_.bytes, 300U) << "it is there no more";
  });
}

}  // namespace
}  // namespace holdfast::io

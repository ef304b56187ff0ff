#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "floor/bare_cipher.hpp"
#include "floor/file_set.hpp"
#include "io/udp_socket.hpp"

namespace holdfast::bench {

struct ReceiverCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;     // of datagrams
  std::uint64_t failures = 0;  // not authentic
  std::uint64_t strays = 0;    // of no session of this worker
  std::uint64_t rounds = 0;    // wake-ups: a sleep and an epoll_wait each
  std::uint64_t receives = 0;  // recvmmsg
  Instant first = never;       // packet
  Instant last{};
};

// A thread that does what a recorder cannot do without: sleeps a tick, drains its sockets in batches of 64,
// decrypts, appends. As io::Worker does it, but with nothing else.
class Receiver {
 public:
  struct Options {
    Duration tick = std::chrono::milliseconds(5);
    int receive_buffer_bytes = 4 << 20;
  };

  // Sessions are told apart by their SSRCs. `files` has those of `numbers`, in that order. All
  // outlive it.
  Receiver(const Options& options, std::vector<io::UdpSocket> sockets,
           const std::vector<std::uint32_t>& numbers, FileSet& files);
  ~Receiver();
  // Ends the thread; within a second.
  void stop();

  // When stopped.
  const ReceiverCounters& counters() const { return counters_; }
  // Datagrams the kernel dropped because a receive buffer was full.
  std::uint64_t overflows() const;
  // Whether a packet came; any thread.
  bool has_begun() const { return begun_.load(std::memory_order_relaxed); }

 private:
  struct Batch;
  // What is kept of an SSRC, two a session.
  struct Source {
    std::uint32_t file = none;
    std::uint16_t last = 0;
    std::uint32_t rollovers = 0;
    bool started = false;
  };
  static constexpr std::uint32_t none = 0xffff'ffff;

  void run(const std::stop_token& stop);
  void drain(int socket, Instant now);
  void take(MutableBytes packet, Instant now);

  const Options options_;
  std::vector<io::UdpSocket> sockets_;
  std::vector<Source> sources_;  // by SSRC, from the base on
  FileSet& files_;
  BareCipher cipher_;
  std::unique_ptr<Batch> batch_;
  int epoll_;
  ReceiverCounters counters_;
  std::atomic<bool> begun_ = false;
  std::jthread thread_;
};

}  // namespace holdfast::bench

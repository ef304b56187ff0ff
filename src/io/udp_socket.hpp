#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/outbox.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast::io {

// Room for one recvmmsg(): shared by all sockets of a worker, which drains them one after the other.
class ReceiveBatch {
 public:
  static constexpr std::size_t size = 64;
  static constexpr std::size_t datagram_size =
      2048;  // what a path carries is at most 1,500; longer ones are cut and fail

  ReceiveBatch();
  ~ReceiveBatch();
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

 private:
  friend class UdpSocket;
  struct Storage;
  std::unique_ptr<Storage> storage_;
};

struct ReceivedDatagram {
  Instant arrival;  // when the kernel got it, not when we woke
  Endpoint from;
  MutableBytes bytes;  // valid until the next receive() into the same batch
};

// A non-blocking UDP socket, dual-stack where the host has IPv6. What is sent is gathered and goes out with
// flush(). Worker thread only.
class UdpSocket final : public Outbox {
 public:
  // Binds to `local` (port 0: the kernel chooses). An unspecified IPv6 address listens on both families.
  static Result<UdpSocket> open(const Endpoint& local, int receive_buffer_bytes);
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&&) = delete;
  ~UdpSocket() override;

  // Takes what is there, at most a batch. Fewer than ReceiveBatch::size: the socket is drained.
  std::span<const ReceivedDatagram> receive(ReceiveBatch& batch, const Now& now);

  void send(const Endpoint& to, Bytes datagram) override;
  // Hands everything gathered to the kernel. What a full socket buffer refuses is dropped, as on any path; it
  // is counted.
  void flush();

  int descriptor() const { return descriptor_; }
  Endpoint local_endpoint() const;
  std::uint64_t send_failures() const { return send_failures_; }
  // Datagrams the kernel dropped because our receive buffer was full (SO_RXQ_OVFL).
  std::uint32_t receive_overflows() const { return receive_overflows_; }

 private:
  UdpSocket(int descriptor, bool ipv6) : descriptor_(descriptor), ipv6_(ipv6) {}

  struct Outgoing {
    Endpoint to;
    std::size_t offset;
    std::size_t size;
  };

  int descriptor_;
  bool ipv6_;
  ByteVector send_buffer_;
  std::vector<Outgoing> outgoing_;
  std::uint64_t send_failures_ = 0;
  std::uint32_t receive_overflows_ = 0;
};

// Where a socket on that port, bound to every address, can be reached: the host's addresses that are up and
// not link-local, loopback ones last.
std::vector<Endpoint> host_endpoints(std::uint16_t port);

}  // namespace holdfast::io

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/outbox.hpp"

namespace holdfast::bench {

struct Socket {
  int descriptor = -1;
  int family = 0;                     // AF_INET6, or AF_INET where the host has no IPv6
  std::optional<Endpoint> connected;  // to whom datagrams need no address
};

// Datagrams on their way to one socket. Those that follow one another to one address and have one size (the
// last may be shorter) make a run, which goes to the kernel as one message that it cuts itself (UDP_SEGMENT):
// a frame costs little more than a packet. One thread.
class SendBatch final : public Outbox {
 public:
  // Of the kernel: UDP_MAX_SEGMENTS is 64 on old ones, and a message is at most 65,507 bytes.
  static constexpr std::size_t most_segments = 60;
  static constexpr std::size_t most_bytes = 64'000;
  struct Run {
    Endpoint to;
    std::size_t offset = 0;
    std::size_t size = 0;
    std::size_t segment = 0;
    std::size_t count = 0;
  };

  void send(const Endpoint& to, Bytes datagram) override;
  // What the socket does not take is dropped. Gives how many datagrams that were.
  std::uint64_t flush(const Socket& socket);

  std::span<const Run> runs() const { return runs_; }

 private:
  bool extends(const Run& run, const Endpoint& to, std::size_t size) const;

  ByteVector bytes_;
  std::vector<Run> runs_;
};

}  // namespace holdfast::bench

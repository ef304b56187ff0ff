#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "container/ts_packet.hpp"

namespace holdfast::audit {

// Finds the packets in bytes that come in pieces of any size, also behind damage. Keeps less than a packet,
// or the few in which it looks for the step. One thread.
class TsSync {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    // 188 bytes that begin with 0x47.
    virtual void take_packet(std::uint64_t offset, Bytes packet) = 0;
    // In a packet's place, between packets, but without its first byte.
    virtual void take_unmarked(std::uint64_t offset) = 0;
    // No packets could be found here: [from, to).
    virtual void take_noise(std::uint64_t from, std::uint64_t to) = 0;
    // The last bytes are fewer than a packet has.
    virtual void take_rest(std::uint64_t offset, std::size_t size) = 0;
  };

  void feed(Bytes bytes, Sink& sink);
  void finish(Sink& sink);

 private:
  static constexpr std::size_t size = container::ts::packet_size;
  // To be in step again, so many packets must begin where they should.
  static constexpr std::size_t in_step = 3;

  enum class More : bool { no, yes };
  // Gives how many bytes it needs no longer.
  std::size_t consume(Bytes bytes, More more, Sink& sink);
  static bool is_in_step(Bytes bytes);

  ByteVector rest_;
  std::uint64_t offset_ = 0;  // of the next packet
  std::optional<std::uint64_t> lost_at_;
};

}  // namespace holdfast::audit

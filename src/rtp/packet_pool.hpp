#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "base/check.hpp"
#include "base/strong.hpp"
#include "base/time.hpp"

namespace holdfast::rtp {

// Places for packets that wait behind a hole, shared by the streams of one worker, so that a thousand streams
// without loss hold none. Allocates a place when one is first needed, keeps it for the next, and never has
// more than `limit`. Must outlive its handles. One thread.
class PacketPool {
 public:
  static constexpr std::size_t slot_bytes = 2048;

  struct Slot {
    Instant arrival;
    std::uint32_t timestamp = 0;
    PayloadType payload_type;
    bool marker = false;
    std::uint16_t size = 0;
    std::array<std::uint8_t, slot_bytes - 16> data;

    Bytes payload() const { return Bytes(data).first(size); }
  };
  static_assert(sizeof(Slot) == slot_bytes);
  // A packet whose payload is larger cannot wait.
  static constexpr std::size_t max_payload = std::tuple_size_v<decltype(Slot::data)>;

  struct Release {
    PacketPool* pool = nullptr;
    void operator()(Slot* slot) const {
      CHECK(pool->in_use() > 0);
      pool->free_.push_back(slot);
    }
  };
  using Handle = std::unique_ptr<Slot, Release>;

  // `limit` in packets of slot_bytes each.
  explicit PacketPool(std::size_t limit) : limit_(limit) {}
  ~PacketPool() { CHECK(in_use() == 0); }
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;

  // Null when all are taken.
  Handle acquire();
  std::size_t in_use() const { return slots_.size() - free_.size(); }

 private:
  const std::size_t limit_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;
};

}  // namespace holdfast::rtp

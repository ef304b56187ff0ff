#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace holdfast::srtp {

// The packet index of SRTP (RFC 3711 section 3.3.1): the 16-bit sequence number, unwrapped by the roll-over
// counter that both sides count for themselves. Nothing if the packet is from before the stream's first wrap.
inline std::optional<std::uint64_t> estimate_index(std::uint64_t highest, std::uint16_t sequence) {
  const auto last = static_cast<std::uint16_t>(highest);
  const auto step = static_cast<std::int16_t>(static_cast<std::uint16_t>(sequence - last));
  const auto index = static_cast<std::int64_t>(highest) + step;
  if (index < 0) return std::nullopt;
  return static_cast<std::uint64_t>(index);
}

// Which packets were seen, of the `size` last ones (RFC 3711 section 3.3.2). `size` is a multiple of 64.
template <std::uint64_t size>
class ReplayWindow {
 public:
  std::uint64_t highest() const { return highest_; }
  bool empty() const { return empty_; }

  // Whether the packet is new, and not too old to know.
  bool admits(std::uint64_t index) const {
    if (empty_ || index > highest_) return true;
    return highest_ - index < size && (word(index) & bit(index)) == 0;
  }

  // It came, and is authentic.
  void take(std::uint64_t index) {
    if (empty_ || (index > highest_ && index - highest_ >= size)) {
      seen_.fill(0);
    } else {
      for (std::uint64_t skipped = highest_ + 1; skipped <= index; ++skipped) word(skipped) &= ~bit(skipped);
    }
    if (empty_ || index > highest_) highest_ = index;
    empty_ = false;
    word(index) |= bit(index);
  }

 private:
  static std::uint64_t bit(std::uint64_t index) { return std::uint64_t{1} << (index % 64); }
  std::uint64_t& word(std::uint64_t index) { return seen_[index % size / 64]; }
  const std::uint64_t& word(std::uint64_t index) const { return seen_[index % size / 64]; }

  std::array<std::uint64_t, size / 64> seen_{};
  std::uint64_t highest_ = 0;
  bool empty_ = true;
};

}  // namespace holdfast::srtp

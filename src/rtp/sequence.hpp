#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

namespace holdfast::rtp {

// The signed distance from `from` to `to` on a circle of 2^16 or 2^32: positive when `to` is ahead.
template <typename Wire>
constexpr std::make_signed_t<Wire> distance(Wire from, Wire to) {
  return static_cast<std::make_signed_t<Wire>>(static_cast<Wire>(to - from));
}

// Widens a wire number that wraps (16-bit sequence number, 32-bit timestamp) to 64 bits, by taking the value
// nearest to the one before. Reordering across the wrap is therefore harmless, in either direction, up to
// half the circle. Values may become negative, when the first one seen was overtaken across the wrap.
template <typename Wire>
class Unwrapper {
 public:
  std::int64_t unwrap(Wire value) {
    last_ = near(value);
    return *last_;
  }
  // What unwrap() would give, without moving the point of reference.
  std::int64_t near(Wire value) const {
    return last_ ? *last_ + distance(static_cast<Wire>(*last_), value) : std::int64_t{value};
  }
  bool started() const { return last_.has_value(); }

 private:
  std::optional<std::int64_t> last_;
};

using TimestampUnwrapper = Unwrapper<std::uint32_t>;

}  // namespace holdfast::rtp

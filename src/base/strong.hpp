#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace holdfast {

// A number with a meaning of its own, so that an SSRC cannot be passed where a sequence number belongs.
// Tag is any type that names it: using Ssrc = Strong<struct SsrcTag, std::uint32_t>.
template <typename Tag, typename Number>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(Number value) : value_(value) {}
  constexpr Number value() const { return value_; }
  constexpr auto operator<=>(const Strong&) const = default;

 private:
  Number value_{};
};

// RFC 3550 section 3.
using Ssrc = Strong<struct SsrcTag, std::uint32_t>;
// 0..127. RFC 3550 section 5.1.
using PayloadType = Strong<struct PayloadTypeTag, std::uint8_t>;

}  // namespace holdfast

template <typename Tag, typename Number>
struct std::hash<holdfast::Strong<Tag, Number>> {
  std::size_t operator()(const holdfast::Strong<Tag, Number>& strong) const noexcept {
    return std::hash<Number>{}(strong.value());
  }
};

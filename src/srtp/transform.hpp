#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "base/bytes.hpp"
#include "base/strong.hpp"

namespace holdfast::srtp {

// Why a packet did not come through.
enum class Refusal : std::uint8_t {
  unauthentic,  // forged, damaged, or of other keys
  replayed,     // seen before, or older than the window
  malformed,    // not RTP or RTCP
};

// How packets of one connection are protected, both ways, for one of the profiles. One thread.
class Transform {
 public:
  virtual ~Transform() = default;
  // Decrypts in place; gives the size of the plain packet, the front part of the same bytes.
  virtual std::expected<std::size_t, Refusal> unprotect_rtp(MutableBytes packet) = 0;
  virtual std::expected<std::size_t, Refusal> unprotect_rtcp(MutableBytes packet) = 0;
  // Encrypts in place the first `size` bytes; `buffer` has room for Session::max_overhead more. Gives the
  // size of the protected packet; nothing if it is malformed or the keys are used up.
  virtual std::optional<std::size_t> protect_rtp(MutableBytes buffer, std::size_t size) = 0;
  virtual std::optional<std::size_t> protect_rtcp(MutableBytes buffer, std::size_t size) = 0;
  // Frees the state of a received SSRC.
  virtual void forget(Ssrc ssrc) = 0;
};

}  // namespace holdfast::srtp

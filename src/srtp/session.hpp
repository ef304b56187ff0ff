#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/strong.hpp"
#include "dtls/transport.hpp"
#include "srtp/transform.hpp"

namespace holdfast::srtp {

// Packets that did not come through unprotect.
struct Counters {
  std::uint64_t unauthentic = 0;  // as Refusal has them
  std::uint64_t replayed = 0;
  std::uint64_t malformed = 0;
};

// SRTP and SRTCP of one connection (RFC 3711, RFC 7714), any number of SSRCs. Works in place, allocates only
// at the first packet of an SSRC. One thread.
class Session {
 public:
  // A retransmission may come this many packets late and still be taken.
  static constexpr unsigned long window_packets = 2048;
  // How many bytes protecting adds at most: tag, and for SRTCP the index (RFC 3711 section 3.4, RFC 7714
  // section 9).
  static constexpr std::size_t max_overhead = 16 + 4;

  // Errors: internal, when the keys do not fit the profile.
  static Result<Session> open(const dtls::KeyingMaterial& keys);

  // Decrypts in place and gives the plain packet, the front part of the same bytes. Nothing: not authentic,
  // seen before, or malformed; counters() says which.
  std::optional<MutableBytes> unprotect_rtp(MutableBytes packet);
  std::optional<MutableBytes> unprotect_rtcp(MutableBytes packet);

  // Encrypts in place the first `size` bytes of `buffer`, which has room for max_overhead more. Nothing:
  // malformed, no room, or the keys are used up (2^48 packets).
  std::optional<Bytes> protect_rtp(MutableBytes buffer, std::size_t size);
  std::optional<Bytes> protect_rtcp(MutableBytes buffer, std::size_t size);

  // Frees the state of a received SSRC that will send no more.
  void forget(Ssrc ssrc) { transform_->forget(ssrc); }

  const Counters& counters() const { return counters_; }

 private:
  explicit Session(std::unique_ptr<Transform> transform) : transform_(std::move(transform)) {}
  std::optional<MutableBytes> plain(MutableBytes packet, const std::expected<std::size_t, Refusal>& size);

  std::unique_ptr<Transform> transform_;
  Counters counters_;
};

}  // namespace holdfast::srtp

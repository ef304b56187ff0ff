#include "srtp/session.hpp"

#include <utility>

#include "srtp/gcm_transform.hpp"
#include "srtp/libsrtp_transform.hpp"

namespace holdfast::srtp {

Result<Session> Session::open(const dtls::KeyingMaterial& keys) {
  auto transform = keys.profile == dtls::SrtpProfile::aead_aes_128_gcm
                       ? make_gcm_transform(keys.local, keys.remote)
                       : make_libsrtp_transform(keys);
  if (!transform) return std::unexpected(std::move(transform.error()));
  return Session(*std::move(transform));
}

std::optional<MutableBytes> Session::unprotect_rtp(MutableBytes packet) {
  return plain(packet, transform_->unprotect_rtp(packet));
}

std::optional<MutableBytes> Session::unprotect_rtcp(MutableBytes packet) {
  return plain(packet, transform_->unprotect_rtcp(packet));
}

std::optional<Bytes> Session::protect_rtp(MutableBytes buffer, std::size_t size) {
  if (size + max_overhead > buffer.size()) return std::nullopt;
  const auto protected_size = transform_->protect_rtp(buffer, size);
  return protected_size ? std::optional<Bytes>(buffer.first(*protected_size)) : std::nullopt;
}

std::optional<Bytes> Session::protect_rtcp(MutableBytes buffer, std::size_t size) {
  if (size + max_overhead > buffer.size()) return std::nullopt;
  const auto protected_size = transform_->protect_rtcp(buffer, size);
  return protected_size ? std::optional<Bytes>(buffer.first(*protected_size)) : std::nullopt;
}

std::optional<MutableBytes> Session::plain(MutableBytes packet,
                                           const std::expected<std::size_t, Refusal>& size) {
  if (size) return packet.first(*size);
  switch (size.error()) {
    case Refusal::unauthentic:
      ++counters_.unauthentic;
      break;
    case Refusal::replayed:
      ++counters_.replayed;
      break;
    case Refusal::malformed:
      ++counters_.malformed;
      break;
  }
  return std::nullopt;
}

}  // namespace holdfast::srtp

#include "srtp/session.hpp"

#include <arpa/inet.h>
#include <srtp2/srtp.h>

#include <cstdlib>
#include <utility>

namespace holdfast::srtp {
namespace {

// The library keeps tables of its ciphers; made at first use, for as long as the process runs.
void init_library() {
  static const srtp_err_status_t status = srtp_init();
  if (status != srtp_err_status_ok) std::abort();
}

void set_crypto(srtp_policy_t& policy, dtls::SrtpProfile profile) {
  switch (profile) {
    case dtls::SrtpProfile::aead_aes_128_gcm:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
      return;
    case dtls::SrtpProfile::aes128_cm_sha1_80:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      return;
  }
}

// Null: the library refuses.
srtp_t open_context(dtls::SrtpProfile profile, const ByteVector& keys, srtp_ssrc_type_t direction) {
  init_library();
  srtp_policy_t policy{};
  set_crypto(policy, profile);
  if (keys.size() != static_cast<std::size_t>(policy.rtp.cipher_key_len)) return nullptr;
  ByteVector copy = keys;  // the library's parameter is not const
  policy.key = copy.data();
  policy.ssrc.type = direction;
  policy.window_size = Session::window_packets;
  policy.allow_repeat_tx = 1;  // a publisher without RTX sends the very same packet again
  srtp_t context = nullptr;
  return srtp_create(&context, &policy) == srtp_err_status_ok ? context : nullptr;
}

}  // namespace

void Session::Close::operator()(srtp_t context) const {
  srtp_dealloc(context);
}

Result<Session> Session::open(const dtls::KeyingMaterial& keys) {
  Context inbound(open_context(keys.profile, keys.remote, ssrc_any_inbound));
  Context outbound(open_context(keys.profile, keys.local, ssrc_any_outbound));
  if (!inbound || !outbound) return fail(ErrorCode::internal, "SRTP keys are refused by libsrtp");
  return Session(std::move(inbound), std::move(outbound));
}

std::optional<MutableBytes> Session::unprotect_rtp(MutableBytes packet) {
  int size = static_cast<int>(packet.size());
  const srtp_err_status_t status = srtp_unprotect(inbound_.get(), packet.data(), &size);
  if (status == srtp_err_status_ok) return packet.first(static_cast<std::size_t>(size));
  count(status);
  return std::nullopt;
}

std::optional<MutableBytes> Session::unprotect_rtcp(MutableBytes packet) {
  int size = static_cast<int>(packet.size());
  const srtp_err_status_t status = srtp_unprotect_rtcp(inbound_.get(), packet.data(), &size);
  if (status == srtp_err_status_ok) return packet.first(static_cast<std::size_t>(size));
  count(status);
  return std::nullopt;
}

std::optional<Bytes> Session::protect_rtp(MutableBytes buffer, std::size_t size) {
  if (size + max_overhead > buffer.size()) return std::nullopt;
  int length = static_cast<int>(size);
  if (srtp_protect(outbound_.get(), buffer.data(), &length) != srtp_err_status_ok) return std::nullopt;
  return buffer.first(static_cast<std::size_t>(length));
}

std::optional<Bytes> Session::protect_rtcp(MutableBytes buffer, std::size_t size) {
  if (size + max_overhead > buffer.size()) return std::nullopt;
  int length = static_cast<int>(size);
  if (srtp_protect_rtcp(outbound_.get(), buffer.data(), &length) != srtp_err_status_ok) return std::nullopt;
  return buffer.first(static_cast<std::size_t>(length));
}

void Session::forget(Ssrc ssrc) {
  // It fails for an SSRC that never sent, which is as good.
  static_cast<void>(srtp_remove_stream(inbound_.get(), htonl(ssrc.value())));
}

void Session::count(int status) {
  switch (status) {
    case srtp_err_status_auth_fail:
      ++counters_.unauthentic;
      break;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      ++counters_.replayed;
      break;
    default:
      ++counters_.malformed;
  }
}

}  // namespace holdfast::srtp

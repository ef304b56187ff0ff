#include "srtp/libsrtp_transform.hpp"

#include <arpa/inet.h>
#include <srtp2/srtp.h>

#include <cstdlib>
#include <utility>

#include "srtp/session.hpp"

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

struct Close {
  void operator()(srtp_t context) const { srtp_dealloc(context); }
};
using Context = std::unique_ptr<srtp_ctx_t_, Close>;

// Null: the library refuses.
Context open_context(dtls::SrtpProfile profile, const ByteVector& keys, srtp_ssrc_type_t direction) {
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
  return Context(srtp_create(&context, &policy) == srtp_err_status_ok ? context : nullptr);
}

Refusal refusal_of(srtp_err_status_t status) {
  switch (status) {
    case srtp_err_status_auth_fail:
      return Refusal::unauthentic;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
      return Refusal::replayed;
    default:
      return Refusal::malformed;
  }
}

class LibsrtpTransform final : public Transform {
 public:
  LibsrtpTransform(Context inbound, Context outbound)
      : inbound_(std::move(inbound)), outbound_(std::move(outbound)) {}

  std::expected<std::size_t, Refusal> unprotect_rtp(MutableBytes packet) override {
    return unprotect(packet, srtp_unprotect);
  }
  std::expected<std::size_t, Refusal> unprotect_rtcp(MutableBytes packet) override {
    return unprotect(packet, srtp_unprotect_rtcp);
  }
  std::optional<std::size_t> protect_rtp(MutableBytes buffer, std::size_t size) override {
    return protect(buffer, size, srtp_protect);
  }
  std::optional<std::size_t> protect_rtcp(MutableBytes buffer, std::size_t size) override {
    return protect(buffer, size, srtp_protect_rtcp);
  }
  void forget(Ssrc ssrc) override {
    // It fails for an SSRC that never sent, which is as good.
    static_cast<void>(srtp_remove_stream(inbound_.get(), htonl(ssrc.value())));
  }

 private:
  using Call = srtp_err_status_t (*)(srtp_t, void*, int*);

  std::expected<std::size_t, Refusal> unprotect(MutableBytes packet, Call call) {
    int size = static_cast<int>(packet.size());
    const srtp_err_status_t status = call(inbound_.get(), packet.data(), &size);
    if (status != srtp_err_status_ok) return std::unexpected(refusal_of(status));
    return static_cast<std::size_t>(size);
  }
  std::optional<std::size_t> protect(MutableBytes buffer, std::size_t plain_size, Call call) {
    int size = static_cast<int>(plain_size);
    if (call(outbound_.get(), buffer.data(), &size) != srtp_err_status_ok) return std::nullopt;
    return static_cast<std::size_t>(size);
  }

  Context inbound_;
  Context outbound_;
};

}  // namespace

Result<std::unique_ptr<Transform>> make_libsrtp_transform(const dtls::KeyingMaterial& keys) {
  Context inbound = open_context(keys.profile, keys.remote, ssrc_any_inbound);
  Context outbound = open_context(keys.profile, keys.local, ssrc_any_outbound);
  if (!inbound || !outbound) return fail(ErrorCode::internal, "libsrtp rejected the SRTP keys");
  return std::make_unique<LibsrtpTransform>(std::move(inbound), std::move(outbound));
}

}  // namespace holdfast::srtp

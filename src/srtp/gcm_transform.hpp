#pragma once

#include <memory>

#include "base/result.hpp"
#include "srtp/transform.hpp"

namespace holdfast::srtp {

// AEAD_AES_128_GCM (RFC 7714) on OpenSSL's cipher. It is what LiveKit and browsers take, so it is the path of
// nearly every packet: libsrtp, as Debian builds it, takes twice the time and allocates twice a packet.
//
// `local` and `remote`: master key (16 bytes) and master salt (12). Errors: internal, for other lengths.
Result<std::unique_ptr<Transform>> make_gcm_transform(Bytes local, Bytes remote);

}  // namespace holdfast::srtp

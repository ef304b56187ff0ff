#pragma once

#include <memory>

#include "base/result.hpp"
#include "dtls/transport.hpp"
#include "srtp/transform.hpp"

namespace holdfast::srtp {

// Any profile, by libsrtp; used for AES128_CM_HMAC_SHA1_80, which only old publishers still ask for, and as
// the judge of our own transform. Errors: internal, when the library refuses the keys.
Result<std::unique_ptr<Transform>> make_libsrtp_transform(const dtls::KeyingMaterial& keys);

}  // namespace holdfast::srtp

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.hpp"

struct evp_cipher_ctx_st;

namespace holdfast::bench {

// SRTP with AEAD_AES_128_GCM (RFC 7714) with all left out that can be: one key for ever, no replay check,
// headers without extensions. What nobody can save. One thread.
class BareCipher {
 public:
  static constexpr std::size_t header_size = 12;
  static constexpr std::size_t tag_size = 16;

  // `master`: key (16 bytes) and salt (12), as DTLS gives them.
  explicit BareCipher(Bytes master);

  // Decrypts in place and gives the payload, a part of the same bytes. `rollover`: how often the packet's
  // sequence number has wrapped. Nothing: not authentic.
  std::optional<Bytes> open(MutableBytes packet, std::uint32_t rollover);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
  std::array<std::uint8_t, 12> salt_{};
};

}  // namespace holdfast::bench

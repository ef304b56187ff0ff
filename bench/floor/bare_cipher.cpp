#include "floor/bare_cipher.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

namespace holdfast::bench {
namespace {

constexpr std::size_t key_size = 16;

// RFC 3711 section 4.3.1 and 4.3.3, with a key derivation rate of 0: AES in counter mode under the master
// key. The salt of 96 bits is the upper part of one of 112 (RFC 7714 section 11).
void derive(Bytes master, std::uint8_t label, MutableBytes out) {
  std::array<std::uint8_t, 16> counter{};
  std::ranges::copy(master.subspan(key_size), counter.begin());
  counter[7] ^= label;
  std::array<std::uint8_t, 16> zeros{};
  int size = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  if (context == nullptr ||
      EVP_EncryptInit_ex(context, EVP_aes_128_ctr(), nullptr, master.data(), counter.data()) != 1 ||
      EVP_EncryptUpdate(context, out.data(), &size, zeros.data(), static_cast<int>(out.size())) != 1) {
    std::abort();
  }
  EVP_CIPHER_CTX_free(context);
}

}  // namespace

void BareCipher::Free::operator()(EVP_CIPHER_CTX* context) const {
  EVP_CIPHER_CTX_free(context);
}

BareCipher::BareCipher(Bytes master) : context_(EVP_CIPHER_CTX_new()) {
  std::array<std::uint8_t, key_size> key{};
  derive(master, 0, key);
  derive(master, 2, salt_);
  if (context_ == nullptr ||
      EVP_DecryptInit_ex(context_.get(), EVP_aes_128_gcm(), nullptr, key.data(), nullptr) != 1) {
    std::abort();
  }
}

std::optional<Bytes> BareCipher::open(MutableBytes packet, std::uint32_t rollover) {
  if (packet.size() < header_size + tag_size) return std::nullopt;
  // RFC 7714 section 8.1: two zeros, SSRC, rollover counter, sequence number; all that under the salt.
  std::array<std::uint8_t, 12> nonce{};
  std::copy_n(packet.data() + 8, 4, nonce.data() + 2);
  store_u32(nonce.data() + 6, rollover);
  std::copy_n(packet.data() + 2, 2, nonce.data() + 10);
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] ^= salt_[i];

  EVP_CIPHER_CTX* const context = context_.get();
  const MutableBytes payload = packet.subspan(header_size, packet.size() - header_size - tag_size);
  const MutableBytes tag = packet.last(tag_size);
  int size = 0;
  const bool good =
      EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) == 1 &&
      EVP_DecryptUpdate(context, nullptr, &size, packet.data(), header_size) == 1 &&
      EVP_DecryptUpdate(context, payload.data(), &size, payload.data(), static_cast<int>(payload.size())) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(tag_size), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context, payload.data() + payload.size(), &size) == 1;
  return good ? std::optional<Bytes>(payload) : std::nullopt;
}

}  // namespace holdfast::bench

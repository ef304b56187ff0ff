#include "dtls/certificate.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <utility>

#include "dtls/openssl.hpp"

namespace holdfast::dtls {
namespace {

struct HashName {
  Hash hash;
  std::string_view name;
  std::size_t size;
  const EVP_MD* (*digest)();
};
constexpr std::array<HashName, 4> hash_names = {{
    {Hash::sha1, "sha-1", 20, EVP_sha1},
    {Hash::sha256, "sha-256", 32, EVP_sha256},
    {Hash::sha384, "sha-384", 48, EVP_sha384},
    {Hash::sha512, "sha-512", 64, EVP_sha512},
}};
const HashName& name_of(Hash hash) {
  return hash_names[static_cast<std::size_t>(hash)];
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "ab:cd:ef" in lower case.
std::optional<ByteVector> parse_hex(std::string_view text) {
  if (text.size() % 3 != 2) return std::nullopt;
  ByteVector bytes;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0 || (i + 2 < text.size() && text[i + 2] != ':')) return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

Owned<X509> self_sign(EVP_PKEY* key) {
  constexpr long day = 86'400;  // seconds
  constexpr long years = 3'650 * day;
  Owned<X509> certificate(X509_new());
  if (!certificate) return nullptr;
  std::uint64_t serial = 0;
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const bool made =
      RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1 &&
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1) == 1 &&
      // A day back, for peers whose clock is behind; nobody looks at the end, but some libraries want one in
      // the future.
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -day) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), years) != nullptr &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("holdfast"),
                                 -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate.get(), name) == 1 && X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_sign(certificate.get(), key, EVP_sha256()) > 0;
  return made ? std::move(certificate) : nullptr;
}

// DTLS 1.2 with forward secrecy and AEAD, for peers with ECDSA and with RSA certificates.
bool configure(SSL_CTX* context, X509* certificate, EVP_PKEY* key) {
  SSL_CTX_set_options(context, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
         SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1 &&
         // This one gives 0 for success.
         SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

}  // namespace

std::optional<Fingerprint> Fingerprint::parse(std::string_view text) {
  const std::string lower = lower_case(text);
  const std::size_t space = lower.find(' ');
  if (space == std::string::npos) return std::nullopt;
  for (const HashName& known : hash_names) {
    if (std::string_view(lower).substr(0, space) != known.name) continue;
    auto digest = parse_hex(std::string_view(lower).substr(space + 1));
    if (!digest || digest->size() != known.size) return std::nullopt;
    return Fingerprint{known.hash, std::move(*digest)};
  }
  return std::nullopt;
}

Fingerprint Fingerprint::of(const X509& certificate, Hash hash) {
  Fingerprint fingerprint{hash, ByteVector(EVP_MAX_MD_SIZE)};
  unsigned size = 0;
  // Fails only for lack of memory; an empty digest matches nothing.
  if (X509_digest(&certificate, name_of(hash).digest(), fingerprint.digest.data(), &size) != 1) size = 0;
  fingerprint.digest.resize(size);
  return fingerprint;
}

std::string Fingerprint::to_string() const {
  std::string text(name_of(hash).name);
  char separator = ' ';
  for (const std::uint8_t byte : digest) text += fmt::format("{}{:02X}", std::exchange(separator, ':'), byte);
  return text;
}

Certificate::Certificate(SSL_CTX* context, Fingerprint fingerprint)
    : context_(context), fingerprint_(std::move(fingerprint)) {}

Certificate::~Certificate() {
  SSL_CTX_free(context_);
}

Result<std::shared_ptr<const Certificate>> Certificate::generate() {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate = key ? self_sign(key.get()) : nullptr;
  Owned<SSL_CTX> context(SSL_CTX_new(DTLS_method()));
  if (!certificate || !context || !configure(context.get(), certificate.get(), key.get())) {
    return fail(ErrorCode::internal, "OpenSSL cannot create a DTLS certificate: {}", take_openssl_error());
  }
  Fingerprint fingerprint = Fingerprint::of(*certificate, Hash::sha256);
  return std::shared_ptr<const Certificate>(new Certificate(context.release(), std::move(fingerprint)));
}

}  // namespace holdfast::dtls

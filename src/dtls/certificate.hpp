#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct ssl_ctx_st;
struct x509_st;

namespace holdfast::dtls {

// RFC 8122 section 5. MD5 and MD2 are not for certificates any more.
enum class Hash : std::uint8_t { sha1, sha256, sha384, sha512 };

// The digest by which a session description vouches for a certificate.
struct Fingerprint {
  Hash hash = Hash::sha256;
  ByteVector digest;

  // "sha-256 AB:CD:...", case ignored. Nothing: an unknown hash, or not a digest of its length.
  static std::optional<Fingerprint> parse(std::string_view text);
  static Fingerprint of(const x509_st& certificate, Hash hash);
  std::string to_string() const;

  bool operator==(const Fingerprint&) const = default;
};

// A self-signed ECDSA P-256 certificate with its key, and the TLS context every connection of this process
// shares. Make one a process. Immutable; any thread.
class Certificate {
 public:
  static Result<std::shared_ptr<const Certificate>> generate();
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  // SHA-256, for our session descriptions.
  const Fingerprint& fingerprint() const { return fingerprint_; }

 private:
  friend class Transport;
  explicit Certificate(ssl_ctx_st* context, Fingerprint fingerprint);

  ssl_ctx_st* context_;
  Fingerprint fingerprint_;
};

}  // namespace holdfast::dtls

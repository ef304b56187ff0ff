#include "io/tls_context.hpp"

#include <openssl/err.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/time.hpp"
#include "io/clock.hpp"

namespace holdfast::io {
namespace {

constexpr auto oldest_system_store = std::chrono::hours(1);

// By which a file is known to have changed.
struct Stamp {
  std::filesystem::file_time_type modified;
  std::uintmax_t size = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const std::string& path) {
  std::error_code unknown;  // then it cannot be read either, which is told
  return {std::filesystem::last_write_time(path, unknown), std::filesystem::file_size(path, unknown)};
}

struct Kept {
  TlsContext context;
  Stamp stamp;
  Instant made{};
};

Result<TlsContext> make_context(const std::string& ca_file) {
  TlsContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) std::abort();  // out of memory
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  const bool trusts = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) == 1
                                      : SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) == 1;
  if (!trusts) {
    return fail(ErrorCode::io, "cannot read the trusted CA certificates from {}: {}",
                ca_file.empty() ? "the system's certificate store" : ca_file, take_openssl_error());
  }
  return context;
}

}  // namespace

Result<TlsContext> client_tls_context(const std::string& ca_file) {
  static std::mutex mutex;
  static std::map<std::string, Kept> kept;  // a few: a recorder has one or two ca_files

  const Instant now = read_monotonic_clock();
  const Stamp stamp = ca_file.empty() ? Stamp{} : stamp_of(ca_file);
  const std::lock_guard guard(mutex);
  Kept& found = kept[ca_file];
  const bool fresh = !ca_file.empty() || now - found.made < oldest_system_store;
  if (found.context && found.stamp == stamp && fresh) return found.context;
  auto made = make_context(ca_file);
  if (made) found = {*made, stamp, now};
  return made;
}

Result<TlsContext> server_tls_context(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) std::abort();  // out of memory
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // A key with a passphrase is an error, not a question on the terminal.
  SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return fail(ErrorCode::io, "cannot read a certificate from {}: {}", certificate_file,
                take_openssl_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(ErrorCode::io, "cannot read the private key from {}: {}", key_file, take_openssl_error());
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return fail(ErrorCode::invalid, "the private key in {} does not belong to the certificate in {}",
                key_file, certificate_file);
  }
  return context;
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace holdfast::io

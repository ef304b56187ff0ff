#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/result.hpp"

namespace holdfast::io {

using TlsContext = std::shared_ptr<SSL_CTX>;

// What clients of TLS 1.2 or newer share: whom they trust, and that a certificate must be valid. Those of
// hundreds of connections would be as many copies of the system's certificates. `ca_file` holds the
// certificates to trust, PEM, and is read again once it has changed; empty: those of the system, read again
// after an hour. Reads files. Errors: io. Any thread.
Result<TlsContext> client_tls_context(const std::string& ca_file);

// What a server of TLS 1.2 or newer shows: a certificate with its chain, and its key, both PEM files. Reads
// the files. Errors: io, invalid (no PEM, or the key is of another certificate).
Result<TlsContext> server_tls_context(const std::string& certificate_file, const std::string& key_file);

// Why OpenSSL's last call on this thread failed, for people.
std::string take_openssl_error();

}  // namespace holdfast::io

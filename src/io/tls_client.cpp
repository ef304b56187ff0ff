#include "io/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>

#include "base/address.hpp"
#include "io/tls_context.hpp"

namespace holdfast::io {
namespace {

struct Deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

struct TlsClient::Session {
  std::unique_ptr<SSL, Deleter> ssl;
  BIO* input = nullptr;  // these two are ssl's
  BIO* output = nullptr;
};

Result<std::unique_ptr<TlsClient>> TlsClient::create(const std::string& host, const std::string& ca_file) {
  const auto context = client_tls_context(ca_file);
  if (!context) return std::unexpected(context.error());
  auto session = std::make_unique<Session>();
  session->ssl.reset(SSL_new(context->get()));
  session->input = BIO_new(BIO_s_mem());
  session->output = BIO_new(BIO_s_mem());
  SSL* ssl = session->ssl.get();
  if (ssl == nullptr || session->input == nullptr || session->output == nullptr) std::abort();
  SSL_set_bio(ssl, session->input, session->output);
  SSL_set_connect_state(ssl);
  if (IpAddress::parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set1_host(ssl, host.c_str());
    // What the macro SSL_set_tlsext_host_name does, with its cast made plain.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  }
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(session)));
}

TlsClient::TlsClient(std::unique_ptr<Session> session) : session_(std::move(session)) {}
TlsClient::~TlsClient() = default;

void TlsClient::start(ByteVector& out) {
  ByteVector nothing;
  advance(nothing);
  take_output(out);
}

bool TlsClient::receive(Bytes bytes, ByteVector& plain, ByteVector& out) {
  if (!bytes.empty()) BIO_write(session_->input, bytes.data(), static_cast<int>(bytes.size()));
  const bool alive = advance(plain);
  take_output(out);  // an alert that says why, too
  return alive;
}

void TlsClient::send(Bytes plain, ByteVector& out) {
  if (!is_open() || plain.empty()) return;
  SSL_write(session_->ssl.get(), plain.data(), static_cast<int>(plain.size()));
  take_output(out);
}

bool TlsClient::is_open() const {
  return error_.empty() && SSL_is_init_finished(session_->ssl.get()) == 1;
}

bool TlsClient::advance(ByteVector& plain) {
  if (!error_.empty()) return false;
  SSL* ssl = session_->ssl.get();
  ERR_clear_error();
  if (SSL_is_init_finished(ssl) != 1) {
    const int result = SSL_do_handshake(ssl);
    if (result != 1) return fail(result);
  }
  std::array<std::uint8_t, 4096> buffer;
  while (true) {
    const int size = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0) return fail(size);
    plain.insert(plain.end(), buffer.begin(), buffer.begin() + size);
  }
}

// True: it only wants more bytes.
bool TlsClient::fail(int result) {
  SSL* ssl = session_->ssl.get();
  const int kind = SSL_get_error(ssl, result);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) return true;
  const long verified = SSL_get_verify_result(ssl);
  if (kind == SSL_ERROR_ZERO_RETURN) {
    error_ = "the server closed the connection";
  } else if (verified != X509_V_OK) {
    error_ =
        fmt::format("the server's certificate is not valid: {}", X509_verify_cert_error_string(verified));
  } else {
    error_ = fmt::format("TLS failed: {}", take_openssl_error());
  }
  ERR_clear_error();
  return false;
}

void TlsClient::take_output(ByteVector& out) {
  const std::size_t pending = BIO_ctrl_pending(session_->output);
  if (pending == 0) return;
  const std::size_t before = out.size();
  out.resize(before + pending);
  BIO_read(session_->output, out.data() + before, static_cast<int>(pending));
}

}  // namespace holdfast::io

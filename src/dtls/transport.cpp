#include "dtls/transport.hpp"

#include <fmt/format.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dtls/openssl.hpp"

namespace holdfast::dtls {

// What OpenSSL's callbacks need at an address that stays, however the Transport moves.
struct Transport::Connection {
  Connection(std::shared_ptr<const Certificate> own, Role role, std::vector<Fingerprint> fingerprints);

  static int write(BIO* bio, const char* data, int size);
  static int read(BIO* bio, char* data, int size);
  static long control(BIO* bio, int command, long number, void* pointer);
  static int verify(int verdict, X509_STORE_CTX* context);
  static unsigned next_timeout(SSL* ssl, unsigned previous_microseconds);
  static const BIO_METHOD* method();

  bool is_vouched_for(const X509& certificate) const;

  std::shared_ptr<const Certificate> certificate;
  std::vector<Fingerprint> remote;
  Owned<SSL> ssl;
  bool fingerprint_mismatch = false;
  // For the duration of one call of handle_*(): where OpenSSL's datagrams come from and go to.
  Bytes incoming;
  const Path* path = nullptr;
};

Transport::Connection::Connection(std::shared_ptr<const Certificate> own, Role role,
                                  std::vector<Fingerprint> fingerprints)
    : certificate(std::move(own)), remote(std::move(fingerprints)), ssl(SSL_new(certificate->context_)) {
  BIO* bio = BIO_new(method());
  if (!ssl || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_app_data(ssl.get(), this);
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify);
  DTLS_set_timer_cb(ssl.get(), next_timeout);
  DTLS_set_link_mtu(ssl.get(), mtu);
  role == Role::client ? SSL_set_connect_state(ssl.get()) : SSL_set_accept_state(ssl.get());
}

// A BIO of our own keeps the edges of datagrams, which a memory BIO loses: OpenSSL writes one datagram a
// call.
const BIO_METHOD* Transport::Connection::method() {
  static const Owned<BIO_METHOD> made = [] {
    Owned<BIO_METHOD> bio(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "holdfast datagrams"));
    BIO_meth_set_write(bio.get(), write);
    BIO_meth_set_read(bio.get(), read);
    BIO_meth_set_ctrl(bio.get(), control);
    return bio;
  }();
  return made.get();
}

int Transport::Connection::write(BIO* bio, const char* data, int size) {
  const auto& self = *static_cast<Connection*>(BIO_get_data(bio));
  if (self.path != nullptr) {
    self.path->outbox.send(self.path->to,
                           {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)});
  }
  return size;
}

int Transport::Connection::read(BIO* bio, char* data, int size) {
  auto& self = *static_cast<Connection*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.incoming.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // Like recv(): what does not fit of a datagram is gone. DTLS reads with room for the largest record.
  const std::size_t count = std::min(self.incoming.size(), static_cast<std::size_t>(size));
  std::copy_n(self.incoming.begin(), count, reinterpret_cast<std::uint8_t*>(data));
  self.incoming = {};
  return static_cast<int>(count);
}

long Transport::Connection::control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// RFC 8122 section 6.2: the certificate is right if the session description vouches for it, whoever signed
// it.
int Transport::Connection::verify(int, X509_STORE_CTX* context) {
  const auto* ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& self = *static_cast<Connection*>(SSL_get_app_data(ssl));
  if (X509_STORE_CTX_get_error_depth(context) > 0) return 1;  // only the peer's own counts
  const X509* certificate = X509_STORE_CTX_get0_cert(context);
  self.fingerprint_mismatch = certificate == nullptr || !self.is_vouched_for(*certificate);
  if (self.fingerprint_mismatch) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    return 0;
  }
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

bool Transport::Connection::is_vouched_for(const X509& shown) const {
  return std::ranges::any_of(remote, [&](const Fingerprint& fingerprint) {
    return Fingerprint::of(shown, fingerprint.hash) == fingerprint;
  });
}

// OpenSSL would begin at 1 s and double to 60 s: with a tenth of the datagrams lost, that costs up to half a
// minute.
unsigned Transport::Connection::next_timeout(SSL*, unsigned previous_microseconds) {
  constexpr unsigned first = 100'000;
  constexpr unsigned most = 4'000'000;
  return previous_microseconds == 0 ? first : std::min(2 * previous_microseconds, most);
}

Transport::Transport(std::shared_ptr<const Certificate> certificate, Role role,
                     std::vector<Fingerprint> remote)
    : connection_(std::make_unique<Connection>(std::move(certificate), role, std::move(remote))),
      role_(role) {}
Transport::~Transport() = default;
Transport::Transport(Transport&&) noexcept = default;
Transport& Transport::operator=(Transport&&) noexcept = default;

void Transport::start(Instant now, const Path& path) {
  if (state_ != State::idle || role_ == Role::server) return;
  state_ = State::handshaking;
  advance(now, {}, path);
}

void Transport::handle_datagram(Instant now, Bytes datagram, const Path& path) {
  if (state_ == State::closed || state_ == State::failed) return;
  if (state_ == State::idle) {
    if (role_ == Role::client) return;
    state_ = State::handshaking;
  }
  advance(now, datagram, path);
}

void Transport::handle_timeout(Instant now, const Path& path) {
  if (now < deadline_ || state_ != State::handshaking) return;
  advance(now, {}, path);
}

void Transport::close(const Path& path) {
  if (state_ == State::connected) {
    connection_->path = &path;
    if (SSL_alloc_buffers(connection_->ssl.get()) != 1) throw std::bad_alloc();
    SSL_shutdown(connection_->ssl.get());
    connection_->path = nullptr;
    ERR_clear_error();
  }
  if (state_ != State::failed) state_ = State::closed;
  deadline_ = never;
}

void Transport::advance(Instant now, Bytes datagram, const Path& path) {
  Connection& connection = *connection_;
  SSL* ssl = connection.ssl.get();
  connection.incoming = datagram;
  connection.path = &path;
  ERR_clear_error();
  // Between datagrams a connection has no record buffers: 33 KB, and all that will come is a goodbye.
  if (SSL_alloc_buffers(ssl) != 1) throw std::bad_alloc();
  if (state_ == State::handshaking) handshake();
  // Also in the call that ended the handshake: the same datagram may carry more, and be a close_notify.
  if (state_ == State::connected) discard_application_data();
  connection.incoming = {};
  connection.path = nullptr;
  if (state_ == State::connected) SSL_free_buffers(ssl);

  timeval left{};
  const bool timed = state_ == State::handshaking && DTLSv1_get_timeout(ssl, &left) == 1;
  deadline_ =
      timed ? now + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) : never;
}

void Transport::handshake() {
  SSL* ssl = connection_->ssl.get();
  if (connection_->incoming.empty() && DTLSv1_handle_timeout(ssl) < 0) {
    return fail(fmt::format("no answer to the DTLS handshake: {}", take_openssl_error()));
  }
  const int result = SSL_do_handshake(ssl);
  if (result == 1) return finish_handshake();
  if (SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ) return;
  if (connection_->fingerprint_mismatch) {
    ERR_clear_error();
    return fail(
        "the peer's DTLS certificate does not match the fingerprint in its session description (fingerprint "
        "mismatch)");
  }
  fail(fmt::format("DTLS handshake failed: {}", take_openssl_error()));
}

void Transport::finish_handshake() {
  constexpr std::size_t key_size = 16;
  SSL* ssl = connection_->ssl.get();
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl);
  if (profile == nullptr) return fail("the DTLS peer does not agree to SRTP (RFC 5764)");
  keys_.profile = static_cast<SrtpProfile>(profile->id);
  const std::size_t salt_size = keys_.profile == SrtpProfile::aead_aes_128_gcm ? 12 : 14;

  constexpr std::string_view label = "EXTRACTOR-dtls_srtp";
  std::array<std::uint8_t, 2 * (key_size + 14)> material{};
  if (SSL_export_keying_material(ssl, material.data(), 2 * (key_size + salt_size), label.data(), label.size(),
                                 nullptr, 0, 0) != 1) {
    return fail(fmt::format("cannot get SRTP keys from DTLS: {}", take_openssl_error()));
  }
  // client key, server key, client salt, server salt
  const auto keys_of = [&](std::size_t side) {
    const Bytes all(material);
    ByteVector keys(all.begin() + static_cast<std::ptrdiff_t>(side * key_size),
                    all.begin() + static_cast<std::ptrdiff_t>((side + 1) * key_size));
    const Bytes salt = all.subspan(2 * key_size + side * salt_size, salt_size);
    keys.insert(keys.end(), salt.begin(), salt.end());
    return keys;
  };
  keys_.local = keys_of(role_ == Role::client ? 0 : 1);
  keys_.remote = keys_of(role_ == Role::client ? 1 : 0);
  OPENSSL_cleanse(material.data(), material.size());
  state_ = State::connected;
}

void Transport::discard_application_data() {
  SSL* ssl = connection_->ssl.get();
  std::array<std::uint8_t, mtu> scratch;
  int result = 0;
  do {
    result = SSL_read(ssl, scratch.data(), scratch.size());
  } while (result > 0);
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_ZERO_RETURN:
      state_ = State::closed;
      break;
    default:
      fail(fmt::format("the DTLS association failed: {}", take_openssl_error()));
  }
  ERR_clear_error();
}

void Transport::fail(std::string why) {
  state_ = State::failed;
  error_ = std::move(why);
}

}  // namespace holdfast::dtls

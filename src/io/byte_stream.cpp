#include "io/byte_stream.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace holdfast::io {
namespace {

namespace asio = boost::asio;

bool is_address(const std::string& host) {
  ByteStream::ErrorStatus error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

struct ByteStream::Tls {
  Tls(Socket& socket, asio::ssl::context& context) : stream(socket, context) {}
  asio::ssl::stream<Socket&> stream;
};

ByteStream::ByteStream(asio::io_context& context)
    : socket_(std::make_unique<Socket>(context.get_executor())) {}
ByteStream::ByteStream(asio::io_context& context, asio::ssl::context& tls) : ByteStream(context) {
  tls_ = std::make_unique<Tls>(*socket_, tls);
}
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream::~ByteStream() = default;

ByteStream::Socket& ByteStream::socket() {
  return *socket_;
}
bool ByteStream::is_tls() const {
  return tls_ != nullptr;
}

void ByteStream::handshake(const std::string& host, Done done) {
  ErrorStatus error;
  tls_->stream.set_verify_callback(asio::ssl::host_name_verification(host), error);
  if (error) {
    return asio::post(get_executor(), [done = std::move(done), error]() mutable { done(error, 0); });
  }
  if (!is_address(host)) {
    // What the macro SSL_set_tlsext_host_name does, with its cast made plain.
    SSL_ctrl(tls_->stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));
  }
  tls_->stream.async_handshake(asio::ssl::stream_base::client,
                               [done = std::move(done)](ErrorStatus result) mutable { done(result, 0); });
}

long ByteStream::certificate_problem() const {
  return tls_ ? SSL_get_verify_result(tls_->stream.native_handle()) : X509_V_OK;
}

void ByteStream::read(asio::mutable_buffer buffer, Done done) {
  tls_ ? tls_->stream.async_read_some(buffer, std::move(done))
       : socket_->async_read_some(buffer, std::move(done));
}

void ByteStream::write(asio::const_buffer buffer, Done done) {
  tls_ ? tls_->stream.async_write_some(buffer, std::move(done))
       : socket_->async_write_some(buffer, std::move(done));
}

void ByteStream::shut_down(Done done) {
  auto end = [socket = socket_.get(), done = std::move(done)](ErrorStatus error) mutable {
    ErrorStatus ignored;  // the peer may have gone first
    socket->shutdown(asio::socket_base::shutdown_send, ignored);
    done(error, 0);
  };
  if (tls_) {
    tls_->stream.async_shutdown(std::move(end));
  } else {
    asio::post(get_executor(), [end = std::move(end)]() mutable { end({}); });
  }
}

void ByteStream::close() {
  ErrorStatus ignored;  // closed already
  socket_->close(ignored);
}

void teardown(boost::beast::role_type, ByteStream& stream, boost::system::error_code& error) {
  stream.socket().shutdown(asio::socket_base::shutdown_send, error);
}

}  // namespace holdfast::io

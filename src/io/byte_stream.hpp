#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/role.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace holdfast::io {

// One TCP connection that we open, with TLS or without: an asynchronous stream as Asio and Beast define it,
// so that a protocol above it is compiled once for both. Belongs to the thread of its io_context, which
// completes all operations; never within the call that begins them.
class ByteStream {
 public:
  using executor_type = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor_type>;
  using ErrorStatus = boost::system::error_code;
  using Done = std::move_only_function<void(ErrorStatus, std::size_t)>;

  explicit ByteStream(boost::asio::io_context& context);
  ByteStream(boost::asio::io_context& context, boost::asio::ssl::context& tls);
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) = delete;
  ~ByteStream();

  executor_type get_executor() { return socket().get_executor(); }
  Socket& socket();
  bool is_tls() const;

  // TLS only: the handshake as a client that accepts a certificate for `host`, a name (then sent as SNI, RFC
  // 6066 section 3) or an address. 0 bytes are reported.
  template <typename Token>
  auto async_handshake(const std::string& host, Token&& token) {
    return initiate([this, &host](Done done) { handshake(host, std::move(done)); }, token);
  }
  // OpenSSL's X509_V_... of the handshake: X509_V_OK where the certificate was not the reason that it failed.
  long certificate_problem() const;

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return initiate([this, buffer = first<boost::asio::mutable_buffer>(buffers)](
                        Done done) { read(buffer, std::move(done)); },
                    token);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return initiate([this, buffer = first<boost::asio::const_buffer>(buffers)](
                        Done done) { write(buffer, std::move(done)); },
                    token);
  }
  // Ends our side in order: close_notify with TLS, then FIN. 0 bytes are reported.
  template <typename Token>
  auto async_shut_down(Token&& token) {
    return initiate([this](Done done) { shut_down(std::move(done)); }, token);
  }
  // Drops the connection; operations end with operation_aborted.
  void close();

 private:
  struct Tls;

  // An empty buffer in front must not be taken for the end of all.
  template <typename Buffer, typename Buffers>
  static Buffer first(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto i = boost::asio::buffer_sequence_begin(buffers); i != end; ++i) {
      if (const Buffer buffer(*i); buffer.size() != 0) return buffer;
    }
    return {};
  }
  template <typename Begin, typename Token>
  static auto initiate(Begin begin, Token& token) {
    return boost::asio::async_initiate<Token, void(ErrorStatus, std::size_t)>(
        [begin = std::move(begin)](auto handler) mutable { begin(Done(std::move(handler))); }, token);
  }
  void handshake(const std::string& host, Done done);
  void read(boost::asio::mutable_buffer buffer, Done done);
  void write(boost::asio::const_buffer buffer, Done done);
  void shut_down(Done done);

  std::unique_ptr<Socket> socket_;
  std::unique_ptr<Tls> tls_;  // null: plain
};

// What Beast's WebSocket calls once its closing handshake is over (RFC 6455 section 7.1.1); found by name
// lookup.
template <typename Handler>
void async_teardown(boost::beast::role_type, ByteStream& stream, Handler&& handler) {
  stream.async_shut_down([handler = std::forward<Handler>(handler)](ByteStream::ErrorStatus error,
                                                                    std::size_t) mutable { handler(error); });
}
void teardown(boost::beast::role_type, ByteStream& stream, boost::system::error_code& error);
// What it calls to drop the connection.
inline void beast_close_socket(ByteStream& stream) {
  stream.close();
}

}  // namespace holdfast::io

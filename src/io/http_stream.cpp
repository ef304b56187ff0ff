#include "io/http_stream.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <optional>

namespace holdfast::io {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr auto as_awaitable = asio::as_tuple(asio::use_awaitable);

// Takes part in the ownership of what is shared.
asio::ssl::context share(const TlsContext& tls) {
  SSL_CTX_up_ref(tls.get());
  return asio::ssl::context(tls.get());
}

}  // namespace

struct HttpStream::Impl {
  using Plain = beast::basic_stream<asio::generic::stream_protocol>;
  struct Tls {
    Tls(Plain& plain, const TlsContext& shared) : context(share(shared)), stream(plain, context) {}
    asio::ssl::context context;
    asio::ssl::stream<Plain&> stream;
  };

  explicit Impl(Socket socket) : plain(std::move(socket)) {}
  Plain plain;
  std::optional<Tls> tls;
};

HttpStream::HttpStream(Socket socket, const TlsContext& tls)
    : impl_(std::make_unique<Impl>(std::move(socket))) {
  if (tls) impl_->tls.emplace(impl_->plain, tls);
}
HttpStream::~HttpStream() = default;

asio::any_io_executor HttpStream::get_executor() {
  return impl_->plain.get_executor();
}
void HttpStream::expires_after(Duration span) {
  impl_->plain.expires_after(span);
}
void HttpStream::expires_never() {
  impl_->plain.expires_never();
}
void HttpStream::close() {
  impl_->plain.close();
}
void HttpStream::shut_down_send() {
  ErrorStatus ignored;  // the other end may have gone first
  impl_->plain.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

asio::awaitable<HttpStream::ErrorStatus> HttpStream::handshake() {
  if (!impl_->tls) co_return ErrorStatus();
  const auto [error] =
      co_await impl_->tls->stream.async_handshake(asio::ssl::stream_base::server, as_awaitable);
  co_return error;
}

asio::awaitable<std::pair<HttpStream::ErrorStatus, std::size_t>> HttpStream::read_some(
    asio::mutable_buffer into) {
  if (impl_->tls) {
    const auto [error, size] = co_await impl_->tls->stream.async_read_some(into, as_awaitable);
    co_return std::pair(error, size);
  }
  const auto [error, size] = co_await impl_->plain.async_read_some(into, as_awaitable);
  co_return std::pair(error, size);
}

asio::awaitable<HttpStream::ErrorStatus> HttpStream::write(std::string_view head, std::string_view body) {
  const std::array<asio::const_buffer, 2> both = {asio::buffer(head), asio::buffer(body)};
  if (impl_->tls) {
    const auto [error, size] = co_await asio::async_write(impl_->tls->stream, both, as_awaitable);
    co_return error;
  }
  const auto [error, size] = co_await asio::async_write(impl_->plain, both, as_awaitable);
  co_return error;
}

asio::awaitable<void> HttpStream::shut_down() {
  if (impl_->tls) co_await impl_->tls->stream.async_shutdown(as_awaitable);
}

}  // namespace holdfast::io

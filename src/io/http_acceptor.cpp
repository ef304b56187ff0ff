#include "io/http_acceptor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace holdfast::io {

namespace asio = boost::asio;
using asio::ip::tcp;
using Local = asio::local::stream_protocol;
using ErrorStatus = boost::system::error_code;

namespace {

constexpr auto as_awaitable = asio::as_tuple(asio::use_awaitable);

tcp::endpoint to_asio(const Endpoint& endpoint) {
  const auto& bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    return {asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), endpoint.port};
  }
  return {asio::ip::address_v6(bytes), endpoint.port};
}

Endpoint from_asio(const tcp::endpoint& endpoint) {
  if (endpoint.address().is_v6()) return {IpAddress(endpoint.address().to_v6().to_bytes()), endpoint.port()};
  const auto bytes = endpoint.address().to_v4().to_bytes();
  return {IpAddress::from_v4(bytes[0], bytes[1], bytes[2], bytes[3]), endpoint.port()};
}

template <typename Acceptor>
ErrorStatus open(Acceptor& acceptor, const typename Acceptor::endpoint_type& endpoint) {
  ErrorStatus error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

// A process that was killed leaves its socket file, which nobody listens on. Anything but a socket is
// somebody's file.
bool is_abandoned(asio::io_context& context, const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  Local::socket probe(context);
  ErrorStatus error;
  probe.open(Local(), error);
  if (!error) probe.non_blocking(true, error);  // one that listens and does not accept is in use, too
  if (!error) probe.connect(Local::endpoint(path), error);
  return error == asio::error::connection_refused;
}

}  // namespace

struct HttpAcceptor::Impl {
  explicit Impl(asio::io_context& shared) : context(shared), tcp_acceptor(shared), local_acceptor(shared) {}

  asio::io_context& context;
  tcp::acceptor tcp_acceptor;
  Local::acceptor local_acceptor;
  ListenAddress local;
  bool owns_file = false;  // of the socket: made by us, and not yet removed
};

HttpAcceptor::HttpAcceptor(asio::io_context& context) : impl_(std::make_unique<Impl>(context)) {}
HttpAcceptor::~HttpAcceptor() {
  close();
}

Result<void> HttpAcceptor::listen(const ListenAddress& address) {
  ErrorStatus error;
  impl_->local = address;
  if (address.socket_path.empty()) {
    error = open(impl_->tcp_acceptor, to_asio(address.endpoint));
    if (!error) impl_->local.endpoint = from_asio(impl_->tcp_acceptor.local_endpoint(error));
  } else {
    if (is_abandoned(impl_->context, address.socket_path)) unlink(address.socket_path.c_str());
    error = open(impl_->local_acceptor, Local::endpoint(address.socket_path));
    impl_->owns_file = !error;
  }
  if (!error) return {};
  return fail(ErrorCode::io, "cannot listen on {}: {}; choose another address with --listen",
              address.to_string(), error.message());
}

ListenAddress HttpAcceptor::local() const {
  return impl_->local;
}

asio::awaitable<std::optional<HttpAcceptor::Accepted>> HttpAcceptor::accept() {
  if (impl_->local.socket_path.empty()) {
    auto [error, socket] = co_await impl_->tcp_acceptor.async_accept(as_awaitable);
    if (error) co_return std::nullopt;
    ErrorStatus ignored;  // the client may have gone already
    const Endpoint remote = from_asio(socket.remote_endpoint(ignored));
    socket.set_option(tcp::no_delay(true), ignored);
    co_return Accepted{std::move(socket), remote};
  }
  auto [error, socket] = co_await impl_->local_acceptor.async_accept(as_awaitable);
  if (error) co_return std::nullopt;
  co_return Accepted{std::move(socket), {}};
}

void HttpAcceptor::close() {
  // While we still listen: whoever comes after us takes the file for abandoned only then, and makes another.
  if (std::exchange(impl_->owns_file, false)) unlink(impl_->local.socket_path.c_str());
  ErrorStatus ignored;
  impl_->tcp_acceptor.close(ignored);
  impl_->local_acceptor.close(ignored);
}

}  // namespace holdfast::io

#include "io/livekit_connection.hpp"

#include <utility>

namespace holdfast::io {
namespace {

WebSocketOptions websocket_options(const LivekitOptions& options) {
  WebSocketOptions result;
  result.tls = options.server.transport == livekit::Transport::tls;
  result.target = options.target;
  result.host = options.server.host;
  result.port = options.server.port;
  result.headers = {{"Authorization", "Bearer " + options.token}};
  result.ca_file = options.ca_file;
  result.connect_timeout = options.connect_timeout;
  return result;
}

livekit::Ended ending_of(const WebSocketClosed& closed) {
  using livekit::EndKind;
  switch (closed.cause) {
    case WebSocketClosed::Cause::unreachable:
      return {EndKind::rejoin, closed.why, livekit::Fault::network};
    case WebSocketClosed::Cause::refused:
      return {EndKind::rejoin, closed.why};
    case WebSocketClosed::Cause::untrusted:
      return {EndKind::refused, closed.why};
    case WebSocketClosed::Cause::declined:
      return livekit::ending_of_refusal(closed.status, closed.body);
    case WebSocketClosed::Cause::closed:
    case WebSocketClosed::Cause::lost:
      return {EndKind::resume, closed.why};
  }
  return {EndKind::rejoin, closed.why};
}

}  // namespace

LivekitConnection::LivekitConnection(boost::asio::io_context& context, const LivekitOptions& options,
                                     LivekitHandler& handler)
    : handler_(handler), socket_(context, websocket_options(options), *this) {}

void LivekitConnection::handle_closed(const WebSocketClosed& closed) {
  handler_.handle_closed(ending_of(closed));
}

}  // namespace holdfast::io

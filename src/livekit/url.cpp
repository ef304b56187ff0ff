#include "livekit/url.hpp"

#include <fmt/format.h>

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <optional>

namespace holdfast::livekit {
namespace {

constexpr std::uint16_t default_port(Transport transport) {
  return transport == Transport::tls ? 443 : 80;
}

std::optional<Transport> transport_of(std::string_view scheme) {
  if (scheme == "ws" || scheme == "http") return Transport::plain;
  if (scheme == "wss" || scheme == "https") return Transport::tls;
  return std::nullopt;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(std::string_view text) {
  // The text is not repeated in errors: people paste URLs with tokens in them.
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed)
    return fail(ErrorCode::invalid, "livekit_url is not a URL; use a URL such as wss://example.org");
  const boost::urls::url_view& url = *parsed;
  const auto transport = transport_of(lower({url.scheme().data(), url.scheme().size()}));
  if (!transport)
    return fail(ErrorCode::invalid, "livekit_url must begin with ws://, wss://, http:// or https://");
  if (url.has_userinfo())
    return fail(ErrorCode::invalid, "livekit_url must not contain a user name or password");
  if (url.has_query())
    return fail(ErrorCode::invalid, "livekit_url must not contain a query; set the token separately");
  if (url.has_fragment()) return fail(ErrorCode::invalid, "livekit_url must not contain a fragment (#...)");

  ServerUrl result;
  result.transport = *transport;
  const auto host = url.host_address();
  result.host.assign(host.data(), host.size());
  if (result.host.empty()) return fail(ErrorCode::invalid, "livekit_url has no host");
  result.port = default_port(result.transport);
  const auto port = url.port();
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (!port.empty() && (error != std::errc() || result.port == 0)) {
    return fail(ErrorCode::invalid, "livekit_url has a port that is not in the range 1 to 65535");
  }
  const auto path = url.encoded_path();
  result.path.assign(path.data(), path.size());
  while (result.path.ends_with('/')) result.path.pop_back();
  return result;
}

std::string ServerUrl::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  return port == default_port(transport) ? name : fmt::format("{}:{}", name, port);
}

std::string ServerUrl::to_string() const {
  return fmt::format("{}://{}{}", transport == Transport::tls ? "wss" : "ws", authority(), path);
}

std::string signal_target(const ServerUrl& server) {
  // protocol: without it the server makes no offer. adaptive_stream=1 would start at the lowest layer and
  // stay there.
  return server.path +
         "/rtc?protocol=16&auto_subscribe=0&auto_subscribe_data_track=0&adaptive_stream=0&subscriber_allow_"
         "pause=0";
}

std::string resume_target(const ServerUrl& server, std::string_view own_sid) {
  const auto sid = boost::urls::encode(own_sid, boost::urls::unreserved_chars);
  return fmt::format("{}&reconnect=1&sid={}", signal_target(server), sid);
}

}  // namespace holdfast::livekit

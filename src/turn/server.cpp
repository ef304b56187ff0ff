#include "turn/server.hpp"

#include <charconv>
#include <optional>

#include "base/text.hpp"

namespace holdfast::turn {
namespace {

// "host", "host:port", "[2001:db8::1]:port". False: malformed.
bool read_authority(std::string_view text, LinkTarget& target) {
  std::string_view host = text.substr(0, text.find(':'));
  std::string_view rest = text.substr(host.size());
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!IpAddress::parse(host)) return false;
  }
  if (host.empty() || host.size() > 253 || host.find_first_of(" /?#@") != std::string_view::npos) {
    return false;
  }
  target.host = host;
  if (rest.empty()) return true;
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), target.port);
  return error == std::errc() && end == rest.data() + rest.size() && target.port != 0;
}

}  // namespace

Result<LinkTarget> parse_url(std::string_view url) {
  const auto malformed = [&] {
    return fail(ErrorCode::invalid,
                "\"{}\" is not a TURN URL such as turn:turn.example.org:3478?transport=udp", printable(url));
  };
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return malformed();
  const std::string_view scheme = url.substr(0, colon);
  const bool secure = equals_ignoring_case(scheme, "turns");
  if (equals_ignoring_case(scheme, "stun") || equals_ignoring_case(scheme, "stuns")) {
    return fail(ErrorCode::unsupported, "\"{}\" is a STUN server, which cannot relay media", printable(url));
  }
  if (!secure && !equals_ignoring_case(scheme, "turn")) return malformed();

  std::string_view rest = url.substr(colon + 1);
  const std::size_t question = rest.find('?');
  const std::string_view query = question == std::string_view::npos ? "" : rest.substr(question + 1);
  LinkTarget target;
  target.port = secure ? 5349 : 3478;
  target.kind = secure ? LinkKind::tls : LinkKind::udp;
  if (!read_authority(rest.substr(0, question), target)) return malformed();
  if (question == std::string_view::npos) return target;
  if (equals_ignoring_case(query, "transport=udp")) {
    if (secure) {
      return fail(ErrorCode::unsupported,
                  "\"{}\" is TURN over DTLS, which is not supported; use transport=tcp", printable(url));
    }
  } else if (!equals_ignoring_case(query, "transport=tcp")) {
    return malformed();
  } else if (!secure) {
    target.kind = LinkKind::tcp;
  }
  return target;
}

}  // namespace holdfast::turn

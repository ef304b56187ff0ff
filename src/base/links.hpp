#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"

namespace holdfast {

enum class LinkKind : std::uint8_t {
  udp,  // datagrams to one server
  tcp,
  tls,  // over TCP, the server's certificate verified for its name
};

struct LinkTarget {
  LinkKind kind = LinkKind::udp;
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 0;

  bool operator==(const LinkTarget&) const = default;
};

enum class LinkId : std::uint32_t {};

// Where a protocol machine opens connections to servers of its choice, beside the socket that its owner gave
// it. What becomes of them is told by LinkEvents, never from within a call of these. On the machine's thread.
class Links {
 public:
  virtual ~Links() = default;
  virtual LinkId open(const LinkTarget& target) = 0;
  // A datagram, or the next bytes of the stream. Goes out as a whole or, where the other side takes nothing
  // any more, not at all. Before it is open, and after it closed, it is nobody's.
  virtual void send(LinkId link, Bytes bytes) = 0;
  // Nothing more is heard of it. What was sent before still goes out, if it can at once.
  virtual void close(LinkId link) = 0;
};

class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_link_open(Instant now, LinkId link) = 0;
  // `bytes` may be overwritten, and are valid during the call.
  virtual void on_link_bytes(Instant now, LinkId link, MutableBytes bytes) = 0;
  // It could not be opened, or was lost: the last that is heard of it. `why` is for people.
  virtual void on_link_closed(Instant now, LinkId link, std::string_view why) = 0;
};

}  // namespace holdfast

#pragma once

#include "base/address.hpp"
#include "base/bytes.hpp"

namespace holdfast {

// Where a protocol machine puts the datagrams it wants sent. It is passed in with each call, so there is
// nothing to drain afterwards. send() copies: the bytes need to live only for the call. Sending may fail
// silently, as UDP does.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void send(const Endpoint& to, Bytes datagram) = 0;
};

}  // namespace holdfast

#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/address.hpp"

namespace holdfast::io {

// An address in the kernel's form. Only for the files of this folder; inline, as each datagram needs it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// `family` is that of the socket: AF_INET6 takes IPv4 too, as ::ffff:a.b.c.d.
inline SocketAddress to_socket_address(const Endpoint& endpoint, int family) {
  SocketAddress result;
  const auto& bytes = endpoint.address.bytes();
  if (family == AF_INET6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &address, sizeof address);
    result.size = sizeof address;
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, bytes.data() + 12, 4);
    std::memcpy(&result.storage, &address, sizeof address);
    result.size = sizeof address;
  }
  return result;
}

// Of AF_INET or AF_INET6.
inline Endpoint from_socket_address(const sockaddr_storage& storage) {
  std::array<std::uint8_t, 16> bytes{};
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
    return {IpAddress(bytes), ntohs(address.sin6_port)};
  }
  sockaddr_in address{};
  std::memcpy(&address, &storage, sizeof address);
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &address.sin_addr, 4);
  return {IpAddress(bytes), ntohs(address.sin_port)};
}

}  // namespace holdfast::io

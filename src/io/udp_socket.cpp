#include "io/udp_socket.hpp"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/socket_address.hpp"

namespace holdfast::io {
namespace {

bool is_unspecified(const IpAddress& address) {
  return address == IpAddress() || address == IpAddress::from_v4(0, 0, 0, 0);
}

void set_option(int descriptor, int level, int name, int value) {
  // Each option only improves what we do; without it the socket still works.
  (void)setsockopt(descriptor, level, name, &value, sizeof value);
}

constexpr std::size_t control_size = CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t));

}  // namespace

struct ReceiveBatch::Storage {
  std::array<mmsghdr, size> headers{};
  std::array<iovec, size> vectors{};
  std::array<sockaddr_storage, size> sources{};
  alignas(cmsghdr) std::array<std::array<std::uint8_t, control_size>, size> control{};
  std::array<ReceivedDatagram, size> datagrams{};
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(size * datagram_size);
};

ReceiveBatch::ReceiveBatch() : storage_(std::make_unique<Storage>()) {
  for (std::size_t i = 0; i < size; ++i) {
    storage_->vectors[i] = {storage_->bytes.data() + i * datagram_size, datagram_size};
    msghdr& header = storage_->headers[i].msg_hdr;
    header.msg_iov = &storage_->vectors[i];
    header.msg_iovlen = 1;
    header.msg_name = &storage_->sources[i];
    header.msg_control = storage_->control[i].data();
  }
}
ReceiveBatch::~ReceiveBatch() = default;

Result<UdpSocket> UdpSocket::open(const Endpoint& local, int receive_buffer_bytes) {
  bool ipv6 = true;
  int descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0 && (is_unspecified(local.address) || local.address.is_v4())) {
    ipv6 = false;
    descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  if (descriptor < 0) {
    return fail(ErrorCode::io, "cannot create a UDP socket: {}; check the limit on open files (ulimit -n)",
                std::strerror(errno));
  }
  UdpSocket opened(descriptor, ipv6);
  if (ipv6) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  set_option(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1);
  set_option(descriptor, SOL_SOCKET, SO_RXQ_OVFL, 1);
  // Past net.core.rmem_max only with CAP_NET_ADMIN; otherwise as much as the host allows.
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
                 sizeof receive_buffer_bytes) != 0) {
    set_option(descriptor, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  }

  Endpoint bind_to = local;
  if (is_unspecified(local.address)) bind_to.address = ipv6 ? IpAddress() : IpAddress::from_v4(0, 0, 0, 0);
  const SocketAddress address = to_socket_address(bind_to, ipv6 ? AF_INET6 : AF_INET);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
    return fail(ErrorCode::io, "cannot bind UDP {}: {}; choose another address or port", local.to_string(),
                std::strerror(errno));
  }
  return opened;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      ipv6_(other.ipv6_),
      send_buffer_(std::move(other.send_buffer_)),
      outgoing_(std::move(other.outgoing_)),
      send_failures_(other.send_failures_),
      receive_overflows_(other.receive_overflows_) {}

UdpSocket::~UdpSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::span<const ReceivedDatagram> UdpSocket::receive(ReceiveBatch& batch, const Now& now) {
  auto& storage = *batch.storage_;
  for (std::size_t i = 0; i < ReceiveBatch::size; ++i) {
    storage.headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    storage.headers[i].msg_hdr.msg_controllen = control_size;
  }
  const int count = recvmmsg(descriptor_, storage.headers.data(), ReceiveBatch::size, MSG_DONTWAIT, nullptr);
  // An ICMP error of an earlier send is reported here once (ECONNREFUSED); it concerns no datagram of ours.
  if (count <= 0) return {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    msghdr& header = storage.headers[i].msg_hdr;
    Instant arrival = now.instant;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
         control = CMSG_NXTHDR(&header, control)) {
      if (control->cmsg_level != SOL_SOCKET) continue;
      if (control->cmsg_type == SCM_TIMESTAMPNS) {
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
        const WallTime wall{std::chrono::seconds(stamp.tv_sec) + Duration(stamp.tv_nsec)};
        // The kernel stamps in wall time. A step of that clock shows as an age out of all reason: then our
        // own time is better.
        const Duration age = now.wall - wall;
        if (age >= Duration::zero() && age < std::chrono::seconds(2)) arrival = now.instant - age;
      } else if (control->cmsg_type == SO_RXQ_OVFL) {
        std::memcpy(&receive_overflows_, CMSG_DATA(control), sizeof receive_overflows_);
      }
    }
    storage.datagrams[i] = {
        arrival, from_socket_address(storage.sources[i]),
        MutableBytes(storage.bytes.data() + i * ReceiveBatch::datagram_size, storage.headers[i].msg_len)};
  }
  return {storage.datagrams.data(), static_cast<std::size_t>(count)};
}

void UdpSocket::send(const Endpoint& to, Bytes datagram) {
  outgoing_.push_back({to, send_buffer_.size(), datagram.size()});
  send_buffer_.insert(send_buffer_.end(), datagram.begin(), datagram.end());
}

void UdpSocket::flush() {
  constexpr std::size_t batch_size = 64;
  std::array<mmsghdr, batch_size> headers;
  std::array<iovec, batch_size> vectors;
  std::array<SocketAddress, batch_size> addresses;
  for (std::size_t first = 0; first < outgoing_.size();) {
    const std::size_t count = std::min(batch_size, outgoing_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Outgoing& item = outgoing_[first + i];
      addresses[i] = to_socket_address(item.to, ipv6_ ? AF_INET6 : AF_INET);
      vectors[i] = {send_buffer_.data() + item.offset, item.size};
      headers[i] = {};
      headers[i].msg_hdr.msg_name = &addresses[i].storage;
      headers[i].msg_hdr.msg_namelen = addresses[i].size;
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(descriptor_, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      first += static_cast<std::size_t>(sent);
    } else {
      // The first of the rest cannot be sent (no route, buffer full): it is lost, the others get their turn.
      ++send_failures_;
      ++first;
    }
  }
  outgoing_.clear();
  send_buffer_.clear();
}

Endpoint UdpSocket::local_endpoint() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(descriptor_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return from_socket_address(storage);
}

std::vector<Endpoint> host_endpoints(std::uint16_t port) {
  std::vector<Endpoint> reachable;
  std::vector<Endpoint> loopback;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {{IpAddress::from_v4(127, 0, 0, 1), port}};
  for (const ifaddrs* item = list; item != nullptr; item = item->ifa_next) {
    if (item->ifa_addr == nullptr || (item->ifa_flags & IFF_UP) == 0) continue;
    const int family = item->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, item->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    const IpAddress address = from_socket_address(storage).address;
    if (address.is_link_local()) continue;
    (address.is_loopback() ? loopback : reachable).push_back({address, port});
  }
  freeifaddrs(list);
  reachable.insert(reachable.end(), loopback.begin(), loopback.end());
  return reachable;
}

}  // namespace holdfast::io

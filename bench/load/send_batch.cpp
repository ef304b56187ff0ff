#include "load/send_batch.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "io/socket_address.hpp"

namespace holdfast::bench {
namespace {

constexpr std::size_t batch_size = 64;
struct Control {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes;
};

void set_segment(msghdr& message, Control& control, std::size_t segment) {
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_UDP;
  header->cmsg_type = UDP_SEGMENT;
  header->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(segment);
  std::memcpy(CMSG_DATA(header), &size, sizeof size);
}

}  // namespace

bool SendBatch::extends(const Run& run, const Endpoint& to, std::size_t size) const {
  const bool is_whole = run.size == run.segment * run.count;  // no short one ended it
  return is_whole && size <= run.segment && run.count < most_segments && run.size + size <= most_bytes &&
         run.to == to;
}

void SendBatch::send(const Endpoint& to, Bytes datagram) {
  if (runs_.empty() || !extends(runs_.back(), to, datagram.size())) {
    runs_.push_back({to, bytes_.size(), 0, datagram.size(), 0});
  }
  Run& run = runs_.back();
  run.size += datagram.size();
  ++run.count;
  bytes_.insert(bytes_.end(), datagram.begin(), datagram.end());
}

std::uint64_t SendBatch::flush(const Socket& socket) {
  std::array<mmsghdr, batch_size> headers;
  std::array<iovec, batch_size> vectors;
  std::array<Control, batch_size> controls;
  std::array<io::SocketAddress, batch_size> addresses;
  std::uint64_t refused = 0;
  bool again = true;  // once: an ICMP error of an earlier datagram is reported in place of sending this one
  for (std::size_t first = 0; first < runs_.size();) {
    const std::size_t count = std::min(batch_size, runs_.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Run& run = runs_[first + i];
      msghdr& message = headers[i].msg_hdr;
      message = {};
      vectors[i] = {bytes_.data() + run.offset, run.size};
      message.msg_iov = &vectors[i];
      message.msg_iovlen = 1;
      if (run.to != socket.connected) {
        addresses[i] = io::to_socket_address(run.to, socket.family);
        message.msg_name = &addresses[i].storage;
        message.msg_namelen = addresses[i].size;
      }
      if (run.count > 1) set_segment(message, controls[i], run.segment);
    }
    const int sent = sendmmsg(socket.descriptor, headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent > 0) {
      first += static_cast<std::size_t>(sent);
    } else if (errno != ECONNREFUSED || !std::exchange(again, false)) {
      refused += runs_[first++].count;
    }
  }
  runs_.clear();
  bytes_.clear();
  return refused;
}

}  // namespace holdfast::bench

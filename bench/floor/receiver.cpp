#include "floor/receiver.hpp"

#include <linux/sock_diag.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "io/clock.hpp"
#include "load/bare_session.hpp"

namespace holdfast::bench {
namespace {

constexpr std::size_t batch_size = 64;
constexpr std::size_t datagram_size = 2048;
// A timestamp and a count of overflows come with each datagram, as the recorder asks for them.
constexpr std::size_t control_size = CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t));

void sleep_until(Instant instant) {
  const auto since = instant.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const timespec until{seconds.count(), (since - seconds).count()};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace

struct Receiver::Batch {
  std::array<mmsghdr, batch_size> headers{};
  std::array<iovec, batch_size> vectors{};
  std::array<sockaddr_storage, batch_size> sources{};
  alignas(cmsghdr) std::array<std::array<std::uint8_t, control_size>, batch_size> control{};
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(batch_size * datagram_size);
};

Receiver::Receiver(const Options& options, std::vector<io::UdpSocket> sockets,
                   const std::vector<std::uint32_t>& numbers, FileSet& files)
    : options_(options),
      sockets_(std::move(sockets)),
      files_(files),
      cipher_(bare_keys().remote),
      batch_(std::make_unique<Batch>()),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::size_t first = std::size_t{2} * numbers[i];
    sources_.resize(std::max(sources_.size(), first + 2));
    sources_[first].file = sources_[first + 1].file = static_cast<std::uint32_t>(i);
  }
  for (const io::UdpSocket& socket : sockets_) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.fd = socket.descriptor();
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.descriptor(), &event) != 0) std::abort();
  }
  for (std::size_t i = 0; i < batch_size; ++i) {
    batch_->vectors[i] = {batch_->bytes.data() + i * datagram_size, datagram_size};
    msghdr& header = batch_->headers[i].msg_hdr;
    header.msg_iov = &batch_->vectors[i];
    header.msg_iovlen = 1;
    header.msg_name = &batch_->sources[i];
    header.msg_control = batch_->control[i].data();
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Receiver::~Receiver() {
  stop();
  close(epoll_);
}

void Receiver::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::uint64_t Receiver::overflows() const {
  std::uint64_t drops = 0;
  for (const io::UdpSocket& socket : sockets_) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
    socklen_t size = sizeof info;
    if (getsockopt(socket.descriptor(), SOL_SOCKET, SO_MEMINFO, info.data(), &size) == 0) {
      drops += info[SK_MEMINFO_DROPS];
    }
  }
  return drops;
}

void Receiver::run(const std::stop_token& stop) {
  std::array<epoll_event, 256> events;
  Instant round_began = io::read_monotonic_clock();
  while (!stop.stop_requested()) {
    sleep_until(round_began + options_.tick);
    const Duration left = files_.deadline() - io::read_monotonic_clock();
    const auto timeout = std::clamp<std::int64_t>(to_milliseconds(left) + 1, 0, 500);
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(timeout));
    const Instant now = round_began = io::read_monotonic_clock();
    ++counters_.rounds;
    for (int i = 0; i < count; ++i) drain(events[static_cast<std::size_t>(i)].data.fd, now);
    files_.handle_tick(now);
  }
}

void Receiver::drain(int socket, Instant now) {
  int count = 0;
  do {
    for (mmsghdr& header : batch_->headers) {
      header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
      header.msg_hdr.msg_controllen = control_size;
    }
    count = recvmmsg(socket, batch_->headers.data(), batch_size, MSG_DONTWAIT, nullptr);
    ++counters_.receives;
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      take(MutableBytes(batch_->bytes).subspan(at * datagram_size, batch_->headers[at].msg_len), now);
    }
  } while (count == static_cast<int>(batch_size));
}

void Receiver::take(MutableBytes packet, Instant now) {
  if (packet.size() < BareCipher::header_size) return;
  const std::uint32_t index = load_u32(&packet[8]) - bare_ssrc_base;
  if (index >= sources_.size() || sources_[index].file == none) {
    ++counters_.strays;
    return;
  }
  Source& source = sources_[index];
  const std::uint16_t sequence = load_u16(&packet[2]);
  if (source.started && sequence < source.last && source.last - sequence > 32'768) ++source.rollovers;
  source.started = true;
  source.last = sequence;
  const auto payload = cipher_.open(packet, source.rollovers);
  if (!payload) {
    ++counters_.failures;
    return;
  }
  if (counters_.packets++ == 0) {
    counters_.first = now;
    begun_.store(true, std::memory_order_relaxed);
  }
  counters_.bytes += packet.size();
  counters_.last = now;
  files_.append(source.file, *payload);
}

}  // namespace holdfast::bench

#include "load/session.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

#include "io/socket_address.hpp"

namespace holdfast::bench {
namespace {

constexpr Duration report_interval = std::chrono::seconds(1);
constexpr Duration keep_connecting = std::chrono::milliseconds(10);
constexpr Duration keep_live = std::chrono::milliseconds(100);
constexpr int receive_buffer = 256 << 10;

}  // namespace

Counters& Counters::operator+=(const Counters& other) {
  packets += other.packets;
  bytes += other.bytes;
  dropped += other.dropped;
  refused += other.refused;
  nacks += other.nacks;
  resent += other.resent;
  plis += other.plis;
  return *this;
}

Result<void> Session::open_socket(const Endpoint& local) {
  auto opened = io::UdpSocket::open(local, receive_buffer);
  if (!opened) return std::unexpected(opened.error());
  own_.emplace(std::move(*opened));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(own_->descriptor(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return holdfast::fail(ErrorCode::io, "cannot ask a UDP socket for its address: {}", std::strerror(errno));
  }
  socket_ = {own_->descriptor(), bound.ss_family, {}};
  return {};
}

void Session::connect_socket(const Endpoint& to) {
  if (socket_.connected == to) return;
  const auto address = io::to_socket_address(to, socket_.family);
  // Where it is refused each datagram goes on having its address.
  if (connect(socket_.descriptor, address.get(), address.size) == 0) socket_.connected = to;
}

void Session::fail(std::string why) {
  if (state_ == State::failed) return;
  state_ = State::failed;
  error_ = std::move(why);
}

Duration Session::keep(const Now& now) {
  if (own_) handle_timeout(now, studio_.batch);
  if (state_ == State::live && next_report_ <= now.instant) {
    next_report_ = now.instant + report_interval;
    send_report(now, *video_);
    send_report(now, *audio_);
  }
  if (own_) flush();
  return state_ == State::connecting ? keep_connecting : keep_live;
}

void Session::receive(const Now& now) {
  std::span<const io::ReceivedDatagram> received;
  do {
    received = own_->receive(studio_.received, now);
    for (const io::ReceivedDatagram& datagram : received) handle_datagram(datagram, studio_.batch);
  } while (received.size() == io::ReceiveBatch::size);
  flush();
}

void Session::start_media(Instant start) {
  video_.emplace(studio_.loop.video, config(Media::video), start);
  audio_.emplace(studio_.loop.audio, config(Media::audio), start);
  next_report_ = media_start_ = start;
}

std::uint32_t Session::send_burst(Media media) {
  const std::uint32_t count = track(media)->send_burst([&](Bytes packet) {
    counters_.bytes += packet.size();
    if (studio_.loss > 0 && studio_.chance.unit() < studio_.loss) {
      ++counters_.dropped;
    } else if (!send_rtp(packet, studio_.batch)) {
      ++counters_.refused;
    }
  });
  counters_.packets += count;
  flush();
  return count;
}

void Session::send_report(const Now& now, const Track& track) {
  if (track.sent() == 0) return;
  studio_.report.clear();
  rtp::RtcpBuilder builder(studio_.report, track.ssrc());
  builder.sender_report(track.report(now));
  builder.canonical_name("load");
  send_rtcp(studio_.report, studio_.batch);
}

Track* Session::find(Ssrc ssrc) {
  if (video_ && video_->ssrc() == ssrc) return &*video_;
  return audio_ && audio_->ssrc() == ssrc ? &*audio_ : nullptr;
}

void Session::handle_rtcp(Bytes packet) {
  rtp::RtcpReader reader(packet);
  while (const auto message = reader.next()) {
    if (const auto* nack = std::get_if<rtp::Nack>(&*message)) {
      Track* const track = find(nack->media);
      if (track == nullptr) continue;
      nack->for_each([&](std::uint16_t sequence) {
        ++counters_.nacks;
        const auto again = track->resend(sequence);
        if (again && send_rtp(*again, studio_.batch)) ++counters_.resent;
      });
    } else if (std::holds_alternative<rtp::PictureLoss>(*message) ||
               std::holds_alternative<rtp::FullIntraRequest>(*message)) {
      ++counters_.plis;
    }
  }
}

}  // namespace holdfast::bench

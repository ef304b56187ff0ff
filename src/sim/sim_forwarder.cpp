#include "sim/sim_forwarder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "rtp/packet.hpp"

namespace holdfast::sim {
namespace {

constexpr std::uint8_t transport_cc_id = 5;
constexpr Duration report_interval = std::chrono::seconds(3);
// From the NTP era's start (1900) to the Unix epoch, in seconds. RFC 5905 section 6.
constexpr std::uint64_t ntp_unix_offset = 2'208'988'800;

std::uint64_t to_ntp(WallTime wall) {
  const auto since = wall.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return (static_cast<std::uint64_t>(seconds.count()) + ntp_unix_offset) << 32 |
         (static_cast<std::uint64_t>((since - seconds).count()) << 32) / 1'000'000'000;
}
std::uint32_t middle(std::uint64_t ntp) {
  return static_cast<std::uint32_t>(ntp >> 16);
}

peer::Config config(const Endpoint& at) {
  static const auto certificate = dtls::Certificate::generate().value();
  peer::Config config;
  config.certificate = certificate;
  config.side = peer::Side::offerer;
  config.local = {at};
  // pion: disconnected after 10 s, failed 5 s later.
  config.ice.disconnected_after = std::chrono::seconds(10);
  config.ice.consent_timeout = std::chrono::seconds(15);
  return config;
}

}  // namespace

SimForwarder::SimForwarder(SimClock& clock, SimNet& net, const Endpoint& at, std::uint64_t seed)
    : clock_(clock),
      net_(net),
      at_(at),
      random_(seed),
      peer_(config(at), random_),
      out_(net.attach(at,
                      [this](const Endpoint& from, Bytes datagram) {
                        ByteVector copy(datagram.begin(), datagram.end());
                        peer_.handle_datagram(clock_.now(), from, copy, out_, *this);
                      })),
      next_report_(clock.now() + report_interval) {
  clock.drive([this] { return stopped_ ? never : std::min(peer_.deadline(), next_report_); },
              [this](Instant now) {
                if (peer_.deadline() <= now) peer_.handle_timeout(now, out_, *this);
                if (next_report_ <= now) send_reports();
              });
}

SimDowntrack& SimForwarder::add(sdp::OfferedTrack track, std::uint32_t history) {
  const auto spare = std::ranges::find_if(offered_, [&](const sdp::OfferedTrack& former) {
    return former.kind == track.kind && former.direction == sdp::Direction::inactive;
  });
  track.mid = spare != offered_.end() ? spare->mid : std::to_string(offered_.size());
  track.ssrc = Ssrc(random_.next_u32());
  track.cname = track.msid.stream;
  SimDowntrack::Config config;
  config.ssrc = track.ssrc;
  config.payload_type = track.codecs.front().payload_type;
  if (track.kind == sdp::Kind::video) {
    track.codecs.push_back(sdp::rtx_codec(track.codecs.front()));
    track.rtx = Ssrc(random_.next_u32());
    config.rtx = {*track.rtx, track.codecs.back().payload_type};
  }
  config.first_sequence = static_cast<std::uint16_t>(random_.next_u32());
  config.clock_rate = track.codecs.front().clock_rate;
  config.history = history;
  if (spare != offered_.end()) {
    *spare = std::move(track);
  } else {
    offered_.push_back(std::move(track));
  }
  return downtracks_.emplace_back(config, [this](Bytes packet) { return send(packet); });
}

std::optional<Instant> SimForwarder::send(Bytes packet) {
  if (transport_cc_) {
    numbered_.assign(packet.begin(), packet.begin() + rtp::header_size);
    numbered_[0] |= 0x10;  // RFC 8285 section 4.2: a block of one element of two bytes, and one that pads
    ByteWriter writer(numbered_);
    writer.write_u16(0xbede);
    writer.write_u16(1);
    writer.write_u8(transport_cc_id << 4 | 1);
    writer.write_u16(transport_sequence_++);
    writer.write_u8(0);
    writer.write_bytes(packet.subspan(rtp::header_size));
    packet = numbered_;
  }
  return !stopped_ && peer_.send_rtp(packet, out_) ? net_.last_fate() : std::nullopt;
}

SimDowntrack& SimForwarder::add_video(const std::string& track_id, const sdp::Codec& codec) {
  sdp::OfferedTrack track;
  track.kind = sdp::Kind::video;
  track.msid = {"PA_1|" + track_id, track_id};
  track.codecs = {codec};
  return add(std::move(track), SimDowntrack::video_history);
}

SimDowntrack& SimForwarder::add_audio(const std::string& track_id, std::optional<sdp::Codec> red) {
  sdp::OfferedTrack track;
  track.kind = sdp::Kind::audio;
  track.msid = {"PA_1|" + track_id, track_id};
  track.codecs = {sdp::opus_codec()};
  if (red) {
    track.codecs.front().feedback.clear();
    track.codecs.insert(track.codecs.begin(), *red);
  }
  return add(std::move(track), SimDowntrack::audio_history);
}

void SimForwarder::add_data_channel() {
  sdp::OfferedTrack channel;
  channel.kind = sdp::Kind::application;
  channel.mid = std::to_string(offered_.size());
  offered_.push_back(std::move(channel));
}

void SimForwarder::remove(SimDowntrack& downtrack) {
  downtrack.close(clock_.now());
  const auto line = std::ranges::find_if(offered_, [&](const sdp::OfferedTrack& track) {
    return track.kind != sdp::Kind::application && track.ssrc == downtrack.ssrc();
  });
  line->direction = sdp::Direction::inactive;
  line->ssrc = {};
}

void SimForwarder::stop() {
  stopped_ = true;
  for (SimDowntrack& downtrack : downtracks_) downtrack.close(clock_.now());
  net_.detach(at_);
}

std::string SimForwarder::restart_offer() {
  peer_.restart_ice(clock_.now());
  return offer();
}

std::string SimForwarder::offer() {
  std::string text = peer_.make_offer(offered_);
  if (!transport_cc_) return text;
  const auto extension = fmt::format("a=extmap:{} {}\r\n", transport_cc_id, sdp::transport_cc_uri);
  for (const sdp::OfferedTrack& track : offered_) {
    if (track.kind != sdp::Kind::video) continue;
    const auto codec = track.codecs.front().payload_type.value();
    const std::size_t at = text.find(fmt::format("a=rtpmap:{} ", codec));
    text.insert(at, extension);
    text.insert(text.find("\r\n", at + extension.size()) + 2,
                fmt::format("a=rtcp-fb:{} transport-cc\r\n", codec));
  }
  return text;
}

Result<void> SimForwarder::accept_answer(std::string_view answer) {
  return peer_.accept_answer(clock_.now(), answer);
}

SimDowntrack* SimForwarder::find(Ssrc ssrc) {
  for (SimDowntrack& downtrack : downtracks_) {
    if (downtrack.ssrc() == ssrc) return &downtrack;
  }
  return nullptr;
}

void SimForwarder::send_reports() {
  next_report_ = clock_.now() + report_interval;
  for (const SimDowntrack& downtrack : downtracks_) {
    const SimDowntrack::Counters& counters = downtrack.counters();
    if (counters.forwarded == 0) continue;
    ByteVector report;
    rtp::RtcpBuilder builder(report, downtrack.ssrc());
    const auto since =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - downtrack.last_forwarded());
    builder.sender_report(
        {.ntp = to_ntp(clock_.wall()),
         .rtp_timestamp = downtrack.last_timestamp() +
                          static_cast<std::uint32_t>(since.count() * downtrack.clock_rate() / 1'000'000),
         .packets = static_cast<std::uint32_t>(counters.forwarded),
         .octets = downtrack.octets()});
    builder.canonical_name("sim");
    peer_.send_rtcp(report, out_);
  }
}

void SimForwarder::on_rtcp(Instant arrival, MutableBytes packet) {
  if (packet.size() > 1 && packet[1] == 205 && (packet[0] & 0x1f) == 15) {
    received_.transport_feedback.emplace_back(packet.begin(), packet.end());
  }
  rtp::RtcpReader reader(packet);
  while (const auto message = reader.next()) {
    if (const auto* nack = std::get_if<rtp::Nack>(&*message)) {
      ++received_.nacks;
      if (SimDowntrack* downtrack = find(nack->media)) downtrack->handle_nack(arrival, *nack);
    } else if (const auto* picture_loss = std::get_if<rtp::PictureLoss>(&*message)) {
      if (SimDowntrack* downtrack = find(picture_loss->media)) downtrack->handle_picture_loss();
    } else if (const auto* report = std::get_if<rtp::ReceiverReport>(&*message)) {
      ++received_.receiver_reports;
      for (std::size_t i = 0; i < report->reports.size(); ++i) handle_report(report->reports[i]);
    }
  }
}

// RFC 3550 section 6.4.1: now - LSR - DLSR, in 1/65,536 s.
void SimForwarder::handle_report(const rtp::ReportBlock& block) {
  SimDowntrack* downtrack = find(block.source);
  if (downtrack == nullptr || block.last_sender_report == 0) return;
  const std::uint32_t passed =
      middle(to_ntp(clock_.wall())) - block.last_sender_report - block.delay_since_last_sr;
  round_trip_ = std::chrono::milliseconds(std::uint64_t{passed} * 1000 / 65'536);
  downtrack->set_round_trip(round_trip_);
}

}  // namespace holdfast::sim

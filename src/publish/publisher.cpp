#include "publish/publisher.hpp"

#include <fmt/format.h>

#include <utility>
#include <variant>

namespace holdfast::publish {
namespace {

constexpr int opus_clock_rate = 48'000;
// From the NTP era's start (1900) to the Unix epoch, in seconds. RFC 5905 section 6.
constexpr std::uint64_t ntp_unix_offset = 2'208'988'800;

std::uint64_t to_ntp(WallTime wall) {
  const auto since = wall.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto fraction = static_cast<std::uint64_t>((since - seconds).count());
  return (static_cast<std::uint64_t>(seconds.count()) + ntp_unix_offset) << 32 |
         (fraction << 32) / 1'000'000'000;
}

sdp::Codec sdp_codec(media::Codec codec) {
  switch (codec) {
    case media::Codec::h264:
      return sdp::h264_codec();
    case media::Codec::vp8:
      return sdp::vp8_codec();
    case media::Codec::opus:
    case media::Codec::aac:
      break;
  }
  return sdp::opus_codec();
}

class SendPayloads final : public codec::PayloadSink {
 public:
  SendPayloads(rtp::SendStream& stream, std::uint32_t timestamp, peer::Peer& peer, Outbox& outbox)
      : stream_(stream), timestamp_(timestamp), peer_(peer), outbox_(outbox) {}
  void payload(Bytes payload, codec::Last last) override {
    const Bytes packet = stream_.packetize(payload, timestamp_, last == codec::Last::yes);
    peer_.send_rtp(packet, outbox_);
    ++packets;
    bytes += packet.size();
  }
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

 private:
  rtp::SendStream& stream_;
  std::uint32_t timestamp_;
  peer::Peer& peer_;
  Outbox& outbox_;
};

peer::Config peer_config(std::shared_ptr<const dtls::Certificate> certificate, std::vector<Endpoint> local) {
  peer::Config config;
  config.certificate = std::move(certificate);
  config.side = peer::Side::offerer;
  config.local = std::move(local);
  return config;
}

}  // namespace

Publisher::Track::Track(media::Codec track_codec, Random& random)
    : codec(track_codec),
      ssrc(random.next_u32()),
      first_timestamp(random.next_u32()),
      packetizer(codec::make_packetizer(track_codec)) {
  if (media::kind_of(codec) == media::Kind::video) rtx_ssrc = Ssrc(random.next_u32());
}

Publisher::Publisher(const PublisherOptions& options, std::shared_ptr<const dtls::Certificate> certificate,
                     std::vector<Endpoint> local, Random& random)
    : options_(options),
      peer_(peer_config(std::move(certificate), std::move(local)), random),
      stream_id_(random.ice_string(16)) {
  for (const auto& codec : {options.audio, options.video}) {
    if (codec) tracks_[static_cast<std::size_t>(media::kind_of(*codec))].emplace(*codec, random);
  }
}

sdp::OfferedTrack Publisher::offered(const Track& track, int mid) const {
  sdp::OfferedTrack offer;
  offer.kind = media::kind_of(track.codec) == media::Kind::video ? sdp::Kind::video : sdp::Kind::audio;
  offer.mid = std::to_string(mid);
  offer.msid = {stream_id_, fmt::format("{}-{}", stream_id_, media::to_string(media::kind_of(track.codec)))};
  offer.cname = stream_id_;
  offer.ssrc = track.ssrc;
  offer.rtx = track.rtx_ssrc;
  offer.codecs.push_back(sdp_codec(track.codec));
  if (track.rtx_ssrc) offer.codecs.push_back(sdp::rtx_codec(offer.codecs.front()));
  return offer;
}

std::string Publisher::make_offer() {
  std::vector<sdp::OfferedTrack> tracks;
  for (const auto& track : tracks_) {
    if (track) tracks.push_back(offered(*track, static_cast<int>(tracks.size())));
  }
  return peer_.make_offer(tracks);
}

Result<void> Publisher::accept_answer(Instant now, std::string_view answer) {
  if (auto accepted = peer_.accept_answer(now, answer); !accepted) return accepted;
  bool any = false;
  for (auto& track : tracks_) {
    if (!track) continue;
    const auto kind =
        media::kind_of(track->codec) == media::Kind::video ? sdp::Kind::video : sdp::Kind::audio;
    for (const sdp::MediaSection& section : peer_.sections()) {
      if (section.kind != kind || section.codecs.empty()) continue;
      const sdp::NegotiatedCodec& codec = section.codecs.front();
      rtp::SendStream::Config config;
      config.ssrc = track->ssrc;
      config.payload_type = codec.payload_type;
      if (track->rtx_ssrc && codec.rtx) config.rtx = {*track->rtx_ssrc, *codec.rtx};
      track->stream.emplace(config);
      any = true;
    }
  }
  if (!any) {
    return fail(ErrorCode::refused,
                "the server accepts none of the offered codecs; try --video h264 or --video vp8");
  }
  return {};
}

void Publisher::handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram,
                                Outbox& outbox) {
  outbox_ = &outbox;
  peer_.handle_datagram(arrival, from, datagram, outbox, *this);
  outbox_ = nullptr;
}

void Publisher::handle_timeout(const Now& now, Outbox& outbox) {
  if (peer_.deadline() <= now.instant) peer_.handle_timeout(now.instant, outbox, *this);
  if (next_report_ > now.instant) return;
  next_report_ = now.instant + options_.report_interval;
  for (auto& track : tracks_) {
    if (track && track->stream && track->last_sent != Instant{}) send_report(now, *track, outbox);
  }
}

Instant Publisher::deadline() const {
  return std::min(peer_.deadline(), next_report_);
}

std::uint32_t Publisher::timestamp(const Track& track, media::Ticks time) const {
  const bool video = media::kind_of(track.codec) == media::Kind::video;
  const media::Ticks units = video ? time : time * opus_clock_rate / media::ticks_per_second;
  return track.first_timestamp + static_cast<std::uint32_t>(units);
}

void Publisher::send(const Now& now, const EncodedFrame& frame, Outbox& outbox) {
  auto& track = tracks_[static_cast<std::size_t>(media::kind_of(frame.codec))];
  if (!track || !track->stream || peer_.state() != peer::State::connected) return;
  SendPayloads payloads(*track->stream, timestamp(*track, frame.time), peer_, outbox);
  track->packetizer->packetize(frame.payload, payloads);
  track->last_time = frame.time;
  track->last_sent = now.instant;
  counters_.packets += payloads.packets;
  counters_.bytes += payloads.bytes;
  ++counters_.frames;
}

void Publisher::send_report(const Now& now, Track& track, Outbox& outbox) {
  const media::Ticks time = track.last_time + media::to_ticks(now.instant - track.last_sent);
  ByteVector report;
  rtp::RtcpBuilder builder(report, track.ssrc);
  builder.sender_report(track.stream->sender_info(to_ntp(now.wall), timestamp(track, time)));
  builder.canonical_name(stream_id_);
  peer_.send_rtcp(report, outbox);
}

void Publisher::on_rtcp(Instant, MutableBytes packet) {
  rtp::RtcpReader reader(packet);
  while (const auto message = reader.next()) {
    if (const auto* nack = std::get_if<rtp::Nack>(&*message)) {
      for (auto& track : tracks_) {
        if (!track || !track->stream || track->ssrc != nack->media) continue;
        nack->for_each([&](std::uint16_t sequence) {
          const auto again = track->stream->resend(sequence);
          if (again && peer_.send_rtp(*again, *outbox_)) ++counters_.resent;
        });
      }
    } else if (std::holds_alternative<rtp::PictureLoss>(*message) ||
               std::holds_alternative<rtp::FullIntraRequest>(*message)) {
      key_frame_wanted_ = true;
      ++counters_.key_frame_requests;
    }
  }
}

void Publisher::on_state(peer::State state, std::string_view reason) {
  // A browser's encoder begins with a key frame when the connection stands, not when it was asked to publish.
  if (state == peer::State::connected) {
    key_frame_wanted_ = true;
    next_report_ = Instant{};
  }
  if (state == peer::State::failed || state == peer::State::closed) failure_ = reason;
}

}  // namespace holdfast::publish

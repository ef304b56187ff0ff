#include "load/peer_session.hpp"

#include <fmt/format.h>

#include <utility>

namespace holdfast::bench {
namespace {

peer::Config peer_config(std::shared_ptr<const dtls::Certificate> certificate, std::vector<Endpoint> local) {
  peer::Config config;
  config.certificate = std::move(certificate);
  config.side = peer::Side::offerer;
  config.local = std::move(local);
  return config;
}

}  // namespace

PeerSession::PeerSession(Studio& studio, std::shared_ptr<const dtls::Certificate> certificate,
                         std::vector<Endpoint> local)
    : Session(studio), peer_(peer_config(std::move(certificate), std::move(local)), studio.random) {
  video_.ssrc = Ssrc(studio.random.next_u32());
  video_.rtx = {Ssrc(studio.random.next_u32()), {}};
  audio_.ssrc = Ssrc(studio.random.next_u32());
}

std::string PeerSession::make_offer(const Names& names, std::vector<sdp::OfferedTrack> before) {
  std::vector<sdp::OfferedTrack> tracks = std::move(before);
  sdp::OfferedTrack audio;
  audio.kind = sdp::Kind::audio;
  audio.mid = std::to_string(tracks.size());
  audio.msid = {names.audio_stream, names.audio_track};
  audio.cname = names.audio_stream;
  audio.ssrc = audio_.ssrc;
  audio.codecs = {sdp::opus_codec()};
  tracks.push_back(std::move(audio));
  sdp::OfferedTrack video;
  video.kind = sdp::Kind::video;
  video.mid = std::to_string(tracks.size());
  video.msid = {names.video_stream, names.video_track};
  video.cname = names.video_stream;
  video.ssrc = video_.ssrc;
  video.rtx = video_.rtx->ssrc;
  video.codecs = {sdp::h264_codec(), sdp::rtx_codec(sdp::h264_codec())};
  tracks.push_back(std::move(video));
  return peer_.make_offer(tracks);
}

Result<void> PeerSession::accept_answer(Instant now, std::string_view answer) {
  if (auto accepted = peer_.accept_answer(now, answer); !accepted) return accepted;
  int taken = 0;
  for (const sdp::MediaSection& section : peer_.sections()) {
    if (section.codecs.empty()) continue;
    const sdp::NegotiatedCodec& codec = section.codecs.front();
    Numbers& numbers = section.kind == sdp::Kind::video ? video_ : audio_;
    numbers.payload_type = codec.payload_type;
    if (codec.rtx) {
      numbers.rtx->payload_type = *codec.rtx;
    } else {
      numbers.rtx.reset();
    }
    ++taken;
  }
  if (taken < 2) {
    return holdfast::fail(ErrorCode::refused, "it takes {} of H.264 and Opus; the load needs both",
                          taken == 0 ? "none" : "only one");
  }
  return {};
}

Track::Config PeerSession::config(Media media) {
  const Numbers& numbers = media == Media::video ? video_ : audio_;
  Track::Config config;
  config.ssrc = numbers.ssrc;
  config.payload_type = numbers.payload_type;
  config.rtx = numbers.rtx;
  // Below half the circle, so that packets lost at the very start do not put SRTP's rollover counter in doubt
  // (RFC 3711 section 3.3.1).
  config.first_sequence = static_cast<std::uint16_t>(studio().chance.below(32'768));
  config.first_timestamp = studio().chance.next_u32();
  config.history = media == Media::video ? 500 : 200;  // as a LiveKit server has it
  return config;
}

void PeerSession::handle_datagram(const io::ReceivedDatagram& datagram, Outbox& out) {
  peer_.handle_datagram(datagram.arrival, datagram.from, datagram.bytes, out, *this);
  if (state() != State::live) return;
  if (const auto remote = peer_.remote_endpoint()) connect_socket(*remote);
}

void PeerSession::handle_timeout(const Now& now, Outbox& out) {
  if (peer_.deadline() <= now.instant) peer_.handle_timeout(now.instant, out, *this);
}

void PeerSession::on_state(peer::State state, std::string_view reason) {
  if (state == peer::State::connected && this->state() == State::connecting) set_state(State::live);
  const bool over = state == peer::State::failed || state == peer::State::closed;
  if (over && this->state() != State::ended) fail(std::string(reason));
}

void PeerSession::close_peer() {
  peer_.close(outbox());
  flush();
}

}  // namespace holdfast::bench

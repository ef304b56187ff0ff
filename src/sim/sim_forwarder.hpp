#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "peer/peer.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_downtrack.hpp"
#include "sim/sim_net.hpp"

namespace holdfast::sim {

// The media side of a simulated LiveKit server, for one subscriber: the connection, which it offers, and the
// downtracks in it. Whoever plays the publishers hands it their packets:
//
//   SimForwarder server(clock, net, at, seed);
//   SimDowntrack& video = server.add_video("TR_video", sdp::h264_codec());
//   recorder takes server.offer(); server.accept_answer(its answer);      again after add_*(), remove()
//   video.forward(clock.now(), payload, timestamp, marker, SimDowntrack::Begins::key_frame);
//
// Drives itself by the clock, with which it must live. One thread.
class SimForwarder final : private peer::Sink {
 public:
  SimForwarder(SimClock& clock, SimNet& net, const Endpoint& at, std::uint64_t seed);

  // An m-line of its own, before all tracks: without it an offer of no track has nothing in it.
  void add_data_channel();
  // For the next offer; references stay. `track_id` is the track's SID. The m-line of a track that ended is
  // used again.
  SimDowntrack& add_video(const std::string& track_id, const sdp::Codec& codec);
  // With RED, its payload type (63) comes first in the m-line, and Opus is without NACK, as LiveKit offers it
  // for a publisher that sends RED.
  SimDowntrack& add_audio(const std::string& track_id, std::optional<sdp::Codec> red = {});
  // As a server with send-side bandwidth estimation: transport-cc on video, and its number on every packet.
  void use_transport_cc() { transport_cc_ = true; }
  // The track ended: its m-line is inactive from the next offer on.
  void remove(SimDowntrack& downtrack);
  std::string offer();
  // With new ICE credentials.
  std::string restart_offer();
  Result<void> accept_answer(std::string_view answer);

  // The server is gone: nothing is sent or heard any more. What is known of packets stays.
  void stop();
  std::function<void(peer::State)> on_state_change;

  // What comes back, beside NACK and PLI.
  struct Received {
    std::uint64_t receiver_reports = 0;
    std::uint64_t nacks = 0;                     // messages
    std::vector<ByteVector> transport_feedback;  // as it came
  };

  peer::State state() const { return peer_.state(); }
  const std::vector<sdp::MediaSection>& sections() const { return peer_.sections(); }
  const Received& received() const { return received_; }
  // All that there ever were.
  const std::deque<SimDowntrack>& downtracks() const { return downtracks_; }
  // As RTCP measured it; 0: not yet.
  Duration round_trip() const { return round_trip_; }

 private:
  void on_rtp(Instant, MutableBytes) override {}
  void on_rtcp(Instant arrival, MutableBytes packet) override;
  void on_state(peer::State state, std::string_view) override {
    if (on_state_change) on_state_change(state);
  }
  std::optional<Instant> send(Bytes packet);
  SimDowntrack& add(sdp::OfferedTrack track, std::uint32_t history);
  SimDowntrack* find(Ssrc ssrc);
  void send_reports();
  void handle_report(const rtp::ReportBlock& block);

  SimClock& clock_;
  SimNet& net_;
  const Endpoint at_;
  SeededRandom random_;
  peer::Peer peer_;
  Outbox& out_;
  std::vector<sdp::OfferedTrack> offered_;
  std::deque<SimDowntrack> downtracks_;
  Instant next_report_;
  Duration round_trip_{};
  bool stopped_ = false;
  bool transport_cc_ = false;
  std::uint16_t transport_sequence_ = 0;
  ByteVector numbered_;
  Received received_;
};

}  // namespace holdfast::sim

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "load/session.hpp"
#include "peer/peer.hpp"

namespace holdfast::bench {

// A session over WebRTC, which we offer. Its description reaches the other side by means of those derived
// from it.
class PeerSession : public Session, private peer::Sink {
 public:
  // `local`: our candidates.
  PeerSession(Studio& studio, std::shared_ptr<const dtls::Certificate> certificate,
              std::vector<Endpoint> local);

 protected:
  // `before`: m-lines that come first. `stream` and `tracks` (video, audio) name what is sent.
  struct Names {
    std::string video_stream, video_track;
    std::string audio_stream, audio_track;
  };
  std::string make_offer(const Names& names, std::vector<sdp::OfferedTrack> before = {});
  // Errors: as peer::Peer::accept_answer; refused, when the other side does not take both tracks.
  Result<void> accept_answer(Instant now, std::string_view answer);
  void add_candidate(Instant now, std::string_view candidate) { peer_.add_remote_candidate(now, candidate); }
  void close_peer();

 private:
  struct Numbers {
    Ssrc ssrc;
    PayloadType payload_type;
    std::optional<Track::Resend> rtx;
  };

  bool send_rtp(Bytes packet, Outbox& out) final { return peer_.send_rtp(packet, out); }
  bool send_rtcp(Bytes packet, Outbox& out) final { return peer_.send_rtcp(packet, out); }
  void handle_datagram(const io::ReceivedDatagram& datagram, Outbox& out) final;
  void handle_timeout(const Now& now, Outbox& out) final;
  Track::Config config(Media media) final;

  void on_rtp(Instant, MutableBytes) final {}
  void on_rtcp(Instant, MutableBytes packet) final { handle_rtcp(packet); }
  void on_state(peer::State state, std::string_view reason) final;

  peer::Peer peer_;
  Numbers video_, audio_;
};

}  // namespace holdfast::bench

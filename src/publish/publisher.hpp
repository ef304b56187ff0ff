#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/outbox.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "codec/packetizer.hpp"
#include "media/frame.hpp"
#include "peer/peer.hpp"
#include "publish/encoder.hpp"
#include "rtp/send_stream.hpp"

namespace holdfast::publish {

struct PublisherOptions {
  std::optional<media::Codec> video;  // h264 or vp8
  std::optional<media::Codec> audio;  // opus
  Duration report_interval = std::chrono::seconds(1);
};

struct PublisherCounters {
  std::uint64_t frames = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;               // of the RTP packets, plain
  std::uint64_t resent = 0;              // packets sent again for a NACK
  std::uint64_t key_frame_requests = 0;  // PLI and FIR
};

// The sending side of one WebRTC connection: packetises frames, answers NACKs, states sender reports.
// Sans-IO; one thread.
class Publisher final : private peer::Sink {
 public:
  // `random` outlives the publisher. `local`: our candidates.
  Publisher(const PublisherOptions& options, std::shared_ptr<const dtls::Certificate> certificate,
            std::vector<Endpoint> local, Random& random);

  std::string make_offer();
  // Errors: as peer::Peer::accept_answer; refused, when the other side takes none of the codecs.
  Result<void> accept_answer(Instant now, std::string_view answer);

  void handle_datagram(Instant arrival, const Endpoint& from, MutableBytes datagram, Outbox& outbox);
  void handle_timeout(const Now& now, Outbox& outbox);
  Instant deadline() const;

  // Sends a frame whose capture instant is `now`. Before the connection stands, and for a track that was
  // refused, it goes nowhere.
  void send(const Now& now, const EncodedFrame& frame, Outbox& outbox);
  // Whether a key frame was asked for since the last call.
  bool take_key_frame_request() { return std::exchange(key_frame_wanted_, false); }
  void close(Outbox& outbox) { peer_.close(outbox); }

  peer::State state() const { return peer_.state(); }
  const std::string& failure() const { return failure_; }
  const PublisherCounters& counters() const { return counters_; }

 private:
  struct Track {
    Track(media::Codec track_codec, Random& random);

    media::Codec codec;
    Ssrc ssrc;
    std::optional<Ssrc> rtx_ssrc;
    std::uint32_t first_timestamp;
    std::unique_ptr<codec::Packetizer> packetizer;
    std::optional<rtp::SendStream> stream;  // once the answer has come; none if it was refused
    media::Ticks last_time = 0;             // of the frame sent last
    Instant last_sent{};
  };

  void on_rtp(Instant, MutableBytes) override {}
  void on_rtcp(Instant arrival, MutableBytes packet) override;
  void on_state(peer::State state, std::string_view reason) override;
  sdp::OfferedTrack offered(const Track& track, int mid) const;
  std::uint32_t timestamp(const Track& track, media::Ticks time) const;
  void send_report(const Now& now, Track& track, Outbox& outbox);

  const PublisherOptions options_;
  peer::Peer peer_;
  std::string stream_id_;
  std::array<std::optional<Track>, 2> tracks_;  // by media::Kind
  Outbox* outbox_ = nullptr;                    // during handle_datagram(), for resends
  bool key_frame_wanted_ = false;
  std::string failure_;
  Instant next_report_ = never;
  PublisherCounters counters_;
};

}  // namespace holdfast::publish

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/strong.hpp"
#include "base/time.hpp"
#include "codec/depacketizer.hpp"
#include "media/frame.hpp"
#include "media/timeline.hpp"
#include "recording/status.hpp"
#include "rtp/ledger.hpp"
#include "rtp/packet_pool.hpp"
#include "rtp/receive_stream.hpp"
#include "rtp/rtcp.hpp"

namespace holdfast::recording {

// Which payload type of a track's m-line is which codec.
struct PayloadCodec {
  PayloadType payload_type;
  media::Codec codec = media::Codec::h264;
};

// Where a track's packets come from, as the SDP says.
struct TrackSource {
  std::string track_id;  // LiveKit: the track's SID
  Ssrc ssrc;
  std::optional<rtp::Rtx> rtx;
  rtp::ReceiveStream::Retransmission retransmission = rtp::ReceiveStream::Retransmission::nack;
  std::vector<PayloadCodec> codecs;
  // Opus with redundancy: its payload type, and that of the Opus in it.
  struct Red {
    PayloadType payload_type;
    PayloadType opus;
  };
  std::optional<Red> red;
};

struct TrackOptions {
  media::Kind kind = media::Kind::video;
  Duration recovery_window = std::chrono::milliseconds(1500);
  Duration keyframe_interval = std::chrono::seconds(4);  // 0: never asked for by time
};

class Track;

// Takes a track's whole frames. Each frame's packets must be settled with the ledger: written, or dropped and
// why.
class TrackOwner {
 public:
  virtual ~TrackOwner() = default;
  // `arrival` of the frame's first packet.
  virtual void on_frame(Track& track, const codec::CodedFrame& frame, Instant arrival) = 0;
};

// One track of a recording, the video or the audio, over its whole life: it may change its source (a
// publisher who comes back, camera to screen) and its codec, but keeps its ledger and its clock. From RTP
// packets to whole frames. Worker thread only.
class Track final : private rtp::Delivery, private codec::FrameSink {
 public:
  // `pool`, `timeline` and `owner` outlive the track.
  Track(const TrackOptions& options, rtp::PacketPool& pool, media::Timeline& timeline, TrackOwner& owner);

  media::Kind kind() const { return options_.kind; }

  // From now on packets come from there. The same source again changes nothing.
  void bind(TrackSource source, Instant now);
  const std::optional<TrackSource>& source() const { return source_; }
  // Whether packets of this SSRC are this track's, as media or as RTX.
  bool takes(Ssrc ssrc) const;
  // The same for one that signalling did not tell of: it is this track's RTX then.
  bool learn_rtx(const rtp::Packet& packet) { return stream_ && stream_->learn_rtx(packet); }

  void handle_packet(Instant arrival, const rtp::Packet& packet);
  void handle_sender_report(Instant arrival, const rtp::SenderReport& report);
  void set_round_trip(Duration sample);
  void handle_timeout(Instant now);
  void append_feedback(Instant now, rtp::RtcpBuilder& out);
  Instant deadline() const;
  // The source ends: holes are given up, what is whole comes out.
  void flush(Instant now);
  // A whole frame is left out.
  void drop_frame(rtp::DropCause cause, std::uint64_t packets);
  // A frame could not be stored: nothing helps but a key frame.
  void request_key_frame(Instant now);

  // What the frames so far said of themselves; nothing before the first packet.
  const media::TrackFormat* format() const { return depacketizer_ ? &depacketizer_->format() : nullptr; }
  media::TrackClock& clock() { return clock_; }
  const media::TrackClock& clock() const { return clock_; }
  rtp::Ledger& ledger() { return ledger_; }
  const rtp::Ledger& ledger() const { return ledger_; }
  // When the publisher's last packet came, if one ever did.
  const std::optional<Instant>& last_packet() const { return last_packet_; }
  // Frames that were begun or known to be missing and never became whole.
  std::uint64_t frames_lost() const { return frames_lost_; }
  // Frames that were whole, and left out.
  std::uint64_t frames_dropped(rtp::DropCause cause) const {
    return frames_dropped_[static_cast<std::size_t>(cause)];
  }

  // Without what only those know who write the frames: how many, as which codec, and the damaged ones.
  TrackStatus status() const;

  bool muted = false;

 private:
  void handle_packet(const rtp::MediaPacket& packet) override;
  void handle_loss(std::uint64_t count) override;
  void handle_restart() override;
  void frame(const codec::CodedFrame& frame) override;
  void discard(codec::Discard why, std::uint32_t packets) override;

  void handle_red(Instant arrival, const rtp::Packet& packet);
  std::optional<media::Codec> codec_of(PayloadType payload_type) const;
  bool hold_silence(const codec::CodedFrame& frame, Instant arrival);
  void release_silence();
  void drop_silence();

  const TrackOptions options_;
  rtp::PacketPool& pool_;
  TrackOwner& owner_;
  media::TrackClock clock_;
  rtp::Ledger ledger_;
  std::optional<TrackSource> source_;
  std::optional<rtp::ReceiveStream> stream_;
  std::unique_ptr<codec::Depacketizer> depacketizer_;
  media::Codec codec_ = media::Codec::h264;  // of depacketizer_
  // When the first packet of a timestamp came: of the frame that is begun, and of the one before.
  struct Begun {
    bool known = false;
    std::int64_t time = 0;
    Instant arrival;
  };
  Begun begun_;
  Begun before_;
  std::optional<Instant> last_packet_;
  bool made_up_ = false;  // what came out is, or may be, the server's own
  // Silence of the shape that LiveKit makes up waits until something else follows: then it was the
  // publisher's. If nothing does, it was a mute or the end of the track.
  struct Silence {
    std::int64_t time;
    Instant arrival;
  };
  std::vector<Silence> silence_;
  std::uint64_t frames_lost_ = 0;
  std::array<std::uint64_t, rtp::drop_causes> frames_dropped_{};
};

}  // namespace holdfast::recording

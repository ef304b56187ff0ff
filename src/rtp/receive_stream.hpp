#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/strong.hpp"
#include "base/time.hpp"
#include "rtp/key_frame_requests.hpp"
#include "rtp/ledger.hpp"
#include "rtp/packet.hpp"
#include "rtp/packet_pool.hpp"
#include "rtp/reception.hpp"
#include "rtp/round_trip.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/sequence.hpp"

namespace holdfast::rtp {

// A packet in its turn. The payload is borrowed for the call.
struct MediaPacket {
  std::int64_t sequence = 0;  // extended: rises by one a packet, jumps over losses and padding
  std::int64_t time = 0;      // RTP timestamp unwrapped, in units of the clock rate
  Instant arrival;
  PayloadType payload_type;  // of the media, also where RTX carried it
  bool marker = false;
  Bytes payload;  // never empty
};

// Takes a stream's packets in sequence order, each once. Must not call back into the stream but for
// handle_key_frame() and request_key_frame().
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void handle_packet(const MediaPacket& packet) = 0;
  // `count` packets between the last one and the next are given up; the ledger has them as lost.
  virtual void handle_loss(std::uint64_t count) = 0;
  // The sender began anew: sequence and time do not tell how the next packet follows the last.
  virtual void handle_restart() = 0;
};

// RFC 4588: resends come under an SSRC of their own, each of its payload types standing for one of the
// media's.
struct Rtx {
  struct Type {
    PayloadType rtx;
    PayloadType media;  // apt
  };
  std::optional<Ssrc> ssrc;  // none: not told, to be learnt
  std::vector<Type> types;
};

// A sender report, with its time on the stream's unwrapped clock: what the timeline needs.
struct SenderClock {
  std::uint64_t ntp = 0;  // of the sender's clock, 32.32 fixed point
  std::int64_t time = 0;  // as MediaPacket::time
  Instant arrival;
};

// One source (and its RTX) as received: puts packets back into sequence, asks again for what is missing, and
// reports.
//
// A NACK may be lost as any packet, and that costs no try. So an ask is a volley of up to three of them, 10
// ms apart: a server that guards its resends (LiveKit: min(100 ms, 2 * RTT) from one to the next) takes them
// for one. Where the repair flow shows that the sender does not, an ask is a single NACK. Volleys follow each
// other so that the answer to the one before could have come, or sooner where three would not fit into the
// window, as long as the hole is open.
//
// While nothing is missing, a packet is delivered at once from the caller's buffer. Behind a hole packets
// wait in places of the shared pool until it is filled or given up. It is given up once `recovery_window` has
// passed or `recovery_packets` newer ones have come since it was seen (a server keeps no more), or when there
// is no place left to wait in.
//
// A packet far out of sequence is ignored until the next one follows it (RFC 3550 A.1). Then, where its
// timestamp has gone on with the clock, the stream went on behind an outage, and all between is expected;
// otherwise its sender began anew.
//
// The ledger's sum holds after every call. Sans-IO, one thread. Memory: while holes are open, at most 2 *
// recovery_packets entries and as many places of the pool; a jump in sequence costs no more.
class ReceiveStream {
 public:
  enum class Retransmission : std::uint8_t { none, nack };

  struct Config {
    Ssrc ssrc;
    std::uint32_t clock_rate = 90'000;  // Hz, > 0
    std::optional<Rtx> rtx{};           // where absent, resends come under `ssrc`
    Retransmission retransmission = Retransmission::nack;
    Duration recovery_window = std::chrono::milliseconds(1500);
    // 1..1,024. LiveKit keeps 500 packets of a video and 200 of an audio track.
    std::uint32_t recovery_packets = 480;
    // Video: how long without a key frame until one is asked for; 0: never for that. Absent: no key frames
    // (audio).
    std::optional<Duration> keyframe_interval{};
    Duration report_interval = std::chrono::seconds(1);
  };
  static constexpr std::uint32_t audio_recovery_packets = 190;

  // `pool` and `ledger` outlive the stream.
  ReceiveStream(Config config, PacketPool& pool, Ledger& ledger);

  // A packet of the media's or the RTX's SSRC; others are ignored.
  void handle_packet(Instant arrival, const Packet& packet, Delivery& delivery);
  // What another packet carried of an older one (RFC 2198): fills its hole, if it has one.
  struct Redundant {
    std::uint16_t sequence;
    std::uint32_t timestamp;
    PayloadType payload_type;
    Bytes payload;
  };
  void handle_redundant(Instant arrival, const Redundant& redundant, Delivery& delivery);
  // Whether a packet of an SSRC that nobody told of is this stream's RTX, by its payload type; its SSRC is
  // the RTX's from then on.
  bool learn_rtx(const Packet& packet);
  void handle_sender_report(Instant arrival, const SenderInfo& info);
  // Something is due at deadline(). handle_timeout() gives up holes, append_feedback() appends NACK, PLI and
  // receiver report as each is due: call both. The feedback is at most 600 bytes.
  void handle_timeout(Instant now, Delivery& delivery);
  void append_feedback(Instant now, RtcpBuilder& out);
  Instant deadline() const;
  // The stream ended: holes are given up, what waits is delivered. It may go on afterwards.
  void flush(Instant now, Delivery& delivery);

  // A whole key frame came out of the depacketizer.
  void handle_key_frame(Instant now);
  // The depacketizer cannot go on without one. Sparing, as KeyFrameRequests says.
  void request_key_frame(Instant now);
  // A round trip measured by others (ICE check). The same value again is no new sample.
  void set_round_trip(Duration sample);

  Ssrc ssrc() const { return config_.ssrc; }
  const std::optional<Rtx>& rtx() const { return config_.rtx; }
  // The last sender report since the stream began, or began anew.
  const std::optional<SenderClock>& sender_clock() const { return sender_clock_; }
  // Sequence numbers missing and not yet given up.
  std::size_t missing() const { return missing_; }
  // Packets that wait behind a hole.
  std::size_t waiting() const { return window_.size() - missing_; }
  // Packets ignored, being far out of sequence. Not in the ledger.
  std::uint64_t strays() const { return strays_; }

 private:
  // A packet once RTX is unwrapped.
  struct Arrival {
    enum class Way : std::uint8_t { media, rtx, red };
    Way way;
    Instant at;
    std::uint16_t sequence;
    std::uint32_t timestamp;
    PayloadType payload_type;
    bool marker;
    Bytes payload;
  };
  // One sequence number, from next_ on: a packet that waits, or a missing one.
  struct Entry {
    PacketPool::Handle slot;  // null: missing
    Instant seen;             // that it is missing
    std::uint64_t advances;   // how many packets had then come in sequence or ahead of it
    // The first NACK of all; the last volley: its first NACK, its last one so far, and how many that makes;
    // and how many volleys there were.
    Instant first_asked{};
    Instant volley_began{};
    Instant asked{};
    std::uint8_t copies = 0;
    std::uint16_t volleys = 0;
  };
  // A hole that RTX filled, to see whether its sender answers every NACK of a volley.
  struct Repaired {
    std::int64_t sequence = -1;
    Instant at;
  };
  // Sequence numbers given up not long ago, to tell late packets from duplicates.
  struct Range {
    std::int64_t first = 0;
    std::int64_t count = 0;
  };

  std::optional<Arrival> unwrap(Instant at, const Packet& packet) const;
  void start(std::int64_t sequence, Instant now);
  bool is_stray(std::int64_t sequence, const Arrival& arrival) const;
  void handle_stray(std::int64_t sequence, const Arrival& arrival, Delivery& delivery);
  bool continues(const Arrival& arrival) const;

  void accept(std::int64_t sequence, const Arrival& arrival, Delivery& delivery);
  void handle_ahead(std::int64_t sequence, const Arrival& arrival, Delivery& delivery);
  void handle_behind(std::int64_t sequence);
  void open_hole(std::int64_t sequence, Instant now, Delivery& delivery);
  void fill(std::int64_t sequence, const Arrival& arrival, Delivery& delivery);
  PacketPool::Handle hold(std::int64_t sequence, const Arrival& arrival, Delivery& delivery);

  void deliver(const Arrival& arrival, Delivery& delivery);
  void deliver_front(Delivery& delivery);
  void advance(std::int64_t sequence, Instant now, Delivery& delivery);
  void lose(std::int64_t count, Instant now, Delivery& delivery);
  void give_up_due(Instant now, Delivery& delivery);
  std::int64_t front_hole_end() const;

  void append_nack(Instant now, RtcpBuilder& out);
  Instant ask_at(const Entry& entry) const;
  Duration retry_interval() const;
  int volley() const;
  void measure_pace(Instant now);
  void learn_from(const Entry& hole, std::int64_t sequence, const Arrival& arrival);
  void watch_repeats(std::int64_t sequence, const Arrival& arrival);
  void learn_allowance(Duration late);

  std::int64_t highest() const { return next_ + static_cast<std::int64_t>(window_.size()) - 1; }
  const Entry& entry(std::int64_t sequence) const {
    return window_[static_cast<std::size_t>(sequence - next_)];
  }
  Entry& entry(std::int64_t sequence) { return window_[static_cast<std::size_t>(sequence - next_)]; }

  Config config_;  // as given, but for a learnt SSRC
  PacketPool& pool_;
  Ledger& ledger_;
  Reception reception_;
  RoundTrip round_trip_;
  std::optional<KeyFrameRequests> key_frames_;
  TimestampUnwrapper time_;
  std::optional<SenderClock> sender_clock_;

  bool started_ = false;
  std::int64_t first_ = 0;    // since the stream began, or began anew
  std::int64_t next_ = 0;     // the next to deliver
  std::deque<Entry> window_;  // from next_ to the highest seen; begins with a missing one, or is empty
  std::size_t missing_ = 0;
  std::uint64_t advances_ = 0;  // packets that were the highest when they came
  std::uint32_t newest_timestamp_ = 0;
  Instant newest_arrival_;
  std::optional<std::uint16_t> suspect_;  // the stray before
  std::uint64_t strays_ = 0;
  std::array<Range, 16> given_up_{};
  std::size_t given_up_at_ = 0;

  std::optional<Duration> round_trip_told_;
  Duration pace_{};  // from one packet to the next, over the last 64; 0: not known yet
  Instant pace_from_;
  Duration allowance_;  // how late a packet may be that others overtook, as far as seen
  std::array<Repaired, 8> repaired_{};
  std::size_t repaired_at_ = 0;
  int repeated_answers_ = 0;
  Instant next_ask_ = never;
  std::uint64_t ask_after_ = 0;  // value of advances_ at which a hole becomes due for its first NACK; 0: none
  std::vector<std::uint16_t> asking_;
  Instant next_report_ = never;
};

}  // namespace holdfast::rtp

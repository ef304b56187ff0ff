#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/strong.hpp"
#include "base/time.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/send_history.hpp"
#include "rtp/send_stream.hpp"

namespace holdfast::sim {

// What became of a packet, as its sender knows it: whether any copy of it arrived, and if none did, why no
// better recorder could have had it.
enum class Fate : std::uint8_t {
  arrived,
  all_copies_lost,    // the first and all three resends
  out_of_history,     // it left the sender's history sooner than its receiver's patience ended
  ignored_after_pli,  // a NACK for it came while a key frame was awaited
  tries_left,         // the sender would have sent it again: it was not asked often enough
};

// One track as a LiveKit server (1.13.5) forwards it to one subscriber: sequencer, resends, PLI. The rules
// are those of its pkg/sfu, sequencer.go and downtrack.go:
//  - it can resend the last 500 packets of a video and 200 of an audio track, each at most three times, and
//    not within min(100 ms, 2 * RTT) of the last time it was sent (70 ms is the RTT that it begins with);
//  - resends go by RTX where it was negotiated (video), else the packet itself again;
//  - after a PLI no NACK is answered until a key frame was forwarded.
// It is told what the network did with each copy, and so knows what a real server never does. Sans-IO, one
// thread; keeps a few bytes for every packet ever sent.
class SimDowntrack {
 public:
  static constexpr std::uint32_t video_history = 500;
  static constexpr std::uint32_t audio_history = 200;
  static constexpr int most_resends = 3;

  // Sends a plain RTP packet. Gives when it arrives, or nothing if it never does (SimNet::last_fate()).
  using Send = std::function<std::optional<Instant>(Bytes packet)>;

  struct Config {
    Ssrc ssrc;
    PayloadType payload_type;
    std::optional<rtp::SendStream::Resend> rtx{};
    std::uint16_t first_sequence = 0;
    std::uint32_t clock_rate = 90'000;
    std::uint32_t history = video_history;
  };
  struct Counters {
    std::uint64_t forwarded = 0;
    std::uint64_t first_copy_lost = 0;  // of them
    std::uint64_t resent = 0;
    std::uint64_t resent_in_vain = 0;  // though a copy had arrived, or was about to
    std::uint64_t nacks = 0;           // sequence numbers asked for
    std::uint64_t too_soon = 0;        // of them: within the guard, not answered
    std::uint64_t ignored_after_pli = 0;
    std::uint64_t key_frame_requests = 0;
  };

  SimDowntrack(const Config& config, Send send) : config_(config), send_(std::move(send)) {}

  // A packet of the publisher's. Its payload type is the negotiated one unless another is given (RED).
  enum class Begins : std::uint8_t { nothing, key_frame };
  void forward(Instant now, Bytes payload, std::uint32_t timestamp, bool marker,
               Begins begins = Begins::nothing, std::optional<PayloadType> payload_type = {});
  // By RTX: padding only, or the last packet once more.
  enum class Probe : std::uint8_t { padding, duplicate };
  void probe(Probe probe);

  void handle_nack(Instant now, const rtp::Nack& nack);
  // The track ended: nothing is sent again.
  void close(Instant now);
  // A PLI (or FIR).
  void handle_picture_loss();
  bool take_key_frame_request() { return std::exchange(key_frame_wanted_, false); }
  // What the server learnt of the round trip from receiver reports.
  void set_round_trip(Duration round_trip) { round_trip_ = round_trip; }

  Ssrc ssrc() const { return config_.ssrc; }
  const Counters& counters() const { return counters_; }
  // Of the last packet, for a sender report.
  Instant last_forwarded() const { return records_.back().sent; }
  std::uint32_t last_timestamp() const { return last_timestamp_; }
  std::uint32_t clock_rate() const { return config_.clock_rate; }
  std::uint32_t octets() const { return octets_; }
  // When the first copy of the packet forwarded as the `index`-th arrives.
  const std::optional<Instant>& arrival(std::size_t index) const { return records_[index].arrival; }
  // Of all packets forwarded so far, how many met that fate with a receiver that waits for `patience` since
  // it could see that one is missing.
  std::uint64_t count(Fate fate, Duration patience) const;
  // What a receiver knows of: from the first packet that arrived to the last.
  struct Known {
    std::uint64_t packets = 0;
    std::uint64_t past_saving = 0;  // of them
    std::uint64_t tries_left = 0;   // never arrived, and might have
  };
  // A span in which nothing passed between the two: a packet that was missed in it, or less than `patience`
  // before it, could not be asked for as often as it might have been.
  struct Dark {
    Instant from;
    Instant to;
  };
  Known known(Duration patience, std::span<const Dark> dark = {}) const;
  // Of the packet forwarded as the `index`-th.
  Fate fate(std::size_t index, Duration patience) const;

 private:
  struct Record {
    Instant sent;
    Instant last_sent;
    Instant left_history = never;
    std::optional<Instant> arrival;  // of the first copy that arrives
    std::uint8_t resends = 0;
    bool ignored = false;
  };

  // Calls back for each packet, the last one first, with its fate and when the first later one arrived.
  template <typename Visit>
  void for_each_fate(Duration patience, Visit visit) const;
  void note_arrival(Record& record, const std::optional<Instant>& arrival);
  void resend(Instant now, std::uint16_t sequence, Record& record);
  Record* find(std::uint16_t sequence);

  const Config config_;
  Send send_;
  rtp::SendHistory history_{512};
  std::vector<Record> records_;  // of all packets, by sequence number less the first
  ByteVector buffer_;
  std::uint16_t rtx_sequence_ = 0;
  std::uint32_t last_timestamp_ = 0;
  std::uint32_t octets_ = 0;
  Duration round_trip_ = std::chrono::milliseconds(70);
  bool closed_ = false;
  bool awaits_key_frame_ = false;
  bool key_frame_wanted_ = false;
  Counters counters_;
};

}  // namespace holdfast::sim

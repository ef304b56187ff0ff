#include "rtp/receive_stream.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace holdfast::rtp {
namespace {

using namespace std::chrono_literals;

// RFC 3550 section A.1: further from the highest sequence number, a packet is believed only with its
// successor.
constexpr std::int64_t max_dropout = 3000;
constexpr std::int64_t max_misorder = 100;
// Before the first NACK, packets that only overtook each other are given this long, or this many packets
// after the hole. Where later ones came after all, they are given longer.
constexpr Duration shortest_allowance = 10ms;
constexpr Duration longest_allowance = 300ms;
constexpr std::uint64_t reordering_packets = 3;
// An ask: so many NACKs, so far apart.
constexpr int longest_volley = 3;
constexpr Duration volley_spacing = 10ms;
// A server sends a packet again so often at most.
constexpr int tries = 3;
constexpr std::uint64_t pace_packets = 64;
// So many holes filled more than once by one volley, and the sender is known to answer every NACK.
constexpr int unguarded_after = 3;
// How far a sender's clock and ours may part during an outage.
constexpr Duration clock_tolerance = 1s;
constexpr std::int64_t longest_delay_seconds = 60;

}  // namespace

ReceiveStream::ReceiveStream(Config config, PacketPool& pool, Ledger& ledger)
    : config_(std::move(config)),
      pool_(pool),
      ledger_(ledger),
      reception_(config_.clock_rate),
      allowance_(shortest_allowance) {
  if (config_.keyframe_interval) key_frames_.emplace(*config_.keyframe_interval);
}

void ReceiveStream::handle_packet(Instant at, const Packet& packet, Delivery& delivery) {
  const std::optional<Arrival> arrival = unwrap(at, packet);
  if (!arrival) return;
  if (!started_) {
    if (arrival->way == Arrival::Way::rtx) return;
    start(arrival->sequence, at);
  }
  const std::int64_t sequence =
      highest() + distance(static_cast<std::uint16_t>(highest()), arrival->sequence);
  if (arrival->way == Arrival::Way::rtx) {
    // Also probes for bandwidth come this way, as duplicates: only a hole takes what was resent.
    if (sequence <= highest()) accept(sequence, *arrival, delivery);
    return;
  }
  if (is_stray(sequence, *arrival)) return handle_stray(sequence, *arrival, delivery);
  suspect_.reset();
  reception_.handle_packet(sequence, arrival->timestamp, at);
  if (key_frames_) key_frames_->handle_packet(at);
  accept(sequence, *arrival, delivery);
}

void ReceiveStream::handle_redundant(Instant at, const Redundant& redundant, Delivery& delivery) {
  if (!started_ || redundant.payload.empty()) return;
  const std::int64_t sequence =
      highest() + distance(static_cast<std::uint16_t>(highest()), redundant.sequence);
  if (sequence < next_ || sequence > highest() || entry(sequence).slot) return;
  ledger_.add_recovered(Recovery::red);
  fill(sequence,
       {.way = Arrival::Way::red,
        .at = at,
        .sequence = redundant.sequence,
        .timestamp = redundant.timestamp,
        .payload_type = redundant.payload_type,
        .marker = false,
        .payload = redundant.payload},
       delivery);
  give_up_due(at, delivery);
}

bool ReceiveStream::learn_rtx(const Packet& packet) {
  if (!config_.rtx || config_.rtx->ssrc) return false;
  if (std::ranges::find(config_.rtx->types, packet.payload_type, &Rtx::Type::rtx) == config_.rtx->types.end())
    return false;
  config_.rtx->ssrc = packet.ssrc;
  return true;
}

// RFC 4588 section 4: an RTX payload begins with the original sequence number; without one it only pads.
std::optional<ReceiveStream::Arrival> ReceiveStream::unwrap(Instant at, const Packet& packet) const {
  Arrival arrival{.way = Arrival::Way::media,
                  .at = at,
                  .sequence = packet.sequence,
                  .timestamp = packet.timestamp,
                  .payload_type = packet.payload_type,
                  .marker = packet.marker,
                  .payload = packet.payload};
  if (packet.ssrc == config_.ssrc) return arrival;
  if (!config_.rtx || packet.ssrc != config_.rtx->ssrc || packet.payload.size() < 2) return std::nullopt;
  const auto& types = config_.rtx->types;
  const auto type = std::ranges::find(types, packet.payload_type, &Rtx::Type::rtx);
  if (type == types.end()) return std::nullopt;
  arrival.way = Arrival::Way::rtx;
  arrival.sequence = load_u16(packet.payload.data());
  arrival.payload_type = type->media;
  arrival.payload = packet.payload.subspan(2);
  return arrival;
}

void ReceiveStream::start(std::int64_t sequence, Instant now) {
  if (!started_) next_report_ = now + config_.report_interval;
  started_ = true;
  first_ = next_ = sequence;
  reception_.restart(sequence);
  time_ = {};
  sender_clock_.reset();
}

// A packet behind is a late one where its timestamp is not newer than what came: then it is no restart.
bool ReceiveStream::is_stray(std::int64_t sequence, const Arrival& arrival) const {
  const std::int64_t ahead = sequence - highest();
  if (ahead > max_dropout) return true;
  if (sequence >= next_ || ahead > -max_misorder) return false;
  const std::int64_t newer = distance(newest_timestamp_, arrival.timestamp);
  return newer > 0 || newer < -longest_delay_seconds * config_.clock_rate;
}

void ReceiveStream::handle_stray(std::int64_t sequence, const Arrival& arrival, Delivery& delivery) {
  const std::optional<std::uint16_t> before = std::exchange(suspect_, arrival.sequence);
  if (!before || arrival.sequence != static_cast<std::uint16_t>(*before + 1)) {
    ++strays_;
    return;
  }
  suspect_.reset();
  if (sequence > highest() && continues(arrival)) {
    reception_.handle_packet(sequence, arrival.timestamp, arrival.at);
    return accept(sequence, arrival, delivery);
  }
  flush(arrival.at, delivery);
  given_up_ = {};
  // The stray before was ignored: it is the first of the new sequence, and missing.
  start(*before, arrival.at);
  delivery.handle_restart();
  reception_.handle_packet(next_ + 1, arrival.timestamp, arrival.at);
  accept(next_ + 1, arrival, delivery);
}

// Whether as much media time as time passed since the newest packet: a sender that began anew has a random
// timestamp.
bool ReceiveStream::continues(const Arrival& arrival) const {
  const std::int64_t ticks = distance(newest_timestamp_, arrival.timestamp);
  const Duration media = std::chrono::milliseconds(ticks * 1000 / config_.clock_rate);
  return std::chrono::abs(media - (arrival.at - newest_arrival_)) <= clock_tolerance;
}

void ReceiveStream::accept(std::int64_t sequence, const Arrival& arrival, Delivery& delivery) {
  if (sequence > highest()) return handle_ahead(sequence, arrival, delivery);
  if (arrival.way == Arrival::Way::rtx) watch_repeats(sequence, arrival);
  if (sequence < next_) return handle_behind(sequence);
  if (entry(sequence).slot) return ledger_.add_duplicate();
  learn_from(entry(sequence), sequence, arrival);
  fill(sequence, arrival, delivery);
  give_up_due(arrival.at, delivery);
}

void ReceiveStream::handle_ahead(std::int64_t sequence, const Arrival& arrival, Delivery& delivery) {
  ledger_.expect(static_cast<std::uint64_t>(sequence - highest()));
  if (++advances_ % pace_packets == 0) measure_pace(arrival.at);
  if (!arrival.payload.empty()) {
    newest_timestamp_ = arrival.timestamp;
    newest_arrival_ = arrival.at;
  }
  if (sequence == next_)
    return deliver(arrival, delivery);  // nothing is missing: the way of nearly all packets

  if (advances_ == ask_after_) next_ask_ = std::min(next_ask_, arrival.at);
  open_hole(sequence, arrival.at, delivery);
  fill(sequence, arrival, delivery);
  give_up_due(arrival.at, delivery);
}

// What the packet for a hole tells: that it was resent, and how long that took, or that it was only late.
void ReceiveStream::learn_from(const Entry& hole, std::int64_t sequence, const Arrival& arrival) {
  const Duration since_asked = arrival.at - hole.volley_began;
  // Where there is RTX, what comes under the media's own SSRC was only late. Where there is none, so was what
  // comes before an answer could.
  const bool resent =
      hole.volleys > 0 && (arrival.way == Arrival::Way::rtx ||
                           (!config_.rtx && (hole.volleys > 1 || round_trip_.allows(since_asked))));
  if (!resent) return learn_allowance(arrival.at - hole.seen);
  ledger_.add_recovered(arrival.way == Arrival::Way::rtx ? Recovery::rtx : Recovery::nack);
  learn_allowance({});
  // Only of the first ask is it certain what was answered.
  if (hole.volleys > 1) round_trip_.guess(arrival.at - hole.first_asked);
  if (arrival.way != Arrival::Way::rtx) return;
  if (hole.volleys == 1) round_trip_.add(since_asked);
  repaired_[repaired_at_++ % repaired_.size()] = {sequence, arrival.at};
}

// A server that guards its resends sends none again before a new volley asks for it.
void ReceiveStream::watch_repeats(std::int64_t sequence, const Arrival& arrival) {
  for (Repaired& repaired : repaired_) {
    if (repaired.sequence != sequence) continue;
    repeated_answers_ += arrival.at - repaired.at < RoundTrip::shortest_retry / 2;
    repaired = {};
  }
}

// Rises at once to what was seen, and falls by an eighth with every packet that was truly lost: it is long
// only where being late is about as common as being lost.
void ReceiveStream::learn_allowance(Duration late) {
  const Duration seen = std::min(late + late / 4, longest_allowance);
  allowance_ =
      std::max({seen, allowance_ - (late == Duration{} ? allowance_ / 8 : Duration{}), shortest_allowance});
}

void ReceiveStream::handle_behind(std::int64_t sequence) {
  const bool lost = std::ranges::any_of(given_up_, [&](const Range& range) {
    return sequence >= range.first && sequence < range.first + range.count;
  });
  lost || sequence < first_ ? ledger_.add_late() : ledger_.add_duplicate();
}

// Makes the window reach `sequence`, all new entries missing. What no longer fits is given up.
void ReceiveStream::open_hole(std::int64_t sequence, Instant now, Delivery& delivery) {
  const std::int64_t capacity = 2 * std::int64_t{config_.recovery_packets};
  const bool is_gap = sequence > highest() + 1;
  if (sequence - next_ >= capacity) advance(sequence - capacity + 1, now, delivery);
  while (highest() < sequence) {
    window_.push_back({.slot = {}, .seen = now, .advances = advances_});
    ++missing_;
  }
  if (!is_gap) return;
  next_ask_ = std::min(next_ask_, now + allowance_);
  if (ask_after_ <= advances_) ask_after_ = advances_ + reordering_packets - 1;
}

// Takes the packet for a missing entry of the window.
void ReceiveStream::fill(std::int64_t sequence, const Arrival& arrival, Delivery& delivery) {
  PacketPool::Handle slot = hold(sequence, arrival, delivery);
  --missing_;
  if (slot) {
    entry(sequence).slot = std::move(slot);
    return;
  }
  window_.pop_front();
  deliver(arrival, delivery);
  advance(next_, arrival.at, delivery);
}

// A place for the packet to wait in, or null when it need not wait: holes before it are given up until there
// is a place.
PacketPool::Handle ReceiveStream::hold(std::int64_t sequence, const Arrival& arrival, Delivery& delivery) {
  while (next_ < sequence) {
    PacketPool::Handle slot =
        arrival.payload.size() <= PacketPool::max_payload ? pool_.acquire() : PacketPool::Handle();
    if (slot) {
      slot->arrival = arrival.at;
      slot->timestamp = arrival.timestamp;
      slot->payload_type = arrival.payload_type;
      slot->marker = arrival.marker;
      slot->size = static_cast<std::uint16_t>(arrival.payload.size());
      std::ranges::copy(arrival.payload, slot->data.begin());
      return slot;
    }
    advance(std::min(front_hole_end(), sequence), arrival.at, delivery);
  }
  return {};
}

// The packet whose turn it is.
void ReceiveStream::deliver(const Arrival& arrival, Delivery& delivery) {
  const std::int64_t sequence = next_++;
  if (arrival.payload.empty()) return ledger_.drop(DropCause::empty, 1);
  delivery.handle_packet({.sequence = sequence,
                          .time = time_.unwrap(arrival.timestamp),
                          .arrival = arrival.at,
                          .payload_type = arrival.payload_type,
                          .marker = arrival.marker,
                          .payload = arrival.payload});
}

void ReceiveStream::deliver_front(Delivery& delivery) {
  const PacketPool::Handle slot = std::move(window_.front().slot);
  window_.pop_front();
  deliver({.way = Arrival::Way::media,
           .at = slot->arrival,
           .sequence = static_cast<std::uint16_t>(next_),
           .timestamp = slot->timestamp,
           .payload_type = slot->payload_type,
           .marker = slot->marker,
           .payload = slot->payload()},
          delivery);
}

// Leaves all before `sequence` behind: delivers what waits, gives up what is missing, also beyond the window.
// Then delivers what follows up to the next hole.
void ReceiveStream::advance(std::int64_t sequence, Instant now, Delivery& delivery) {
  while (next_ < sequence) {
    if (!window_.empty() && window_.front().slot) {
      deliver_front(delivery);
    } else {
      lose(std::min(window_.empty() ? sequence : front_hole_end(), sequence) - next_, now, delivery);
    }
  }
  while (!window_.empty() && window_.front().slot) deliver_front(delivery);
}

// Gives up the next `count` sequence numbers, which are missing.
void ReceiveStream::lose(std::int64_t count, Instant now, Delivery& delivery) {
  const auto entries = std::min(static_cast<std::size_t>(count), window_.size());
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(entries));
  missing_ -= entries;
  given_up_[given_up_at_++ % given_up_.size()] = {next_, count};
  next_ += count;
  ledger_.lose(static_cast<std::uint64_t>(count));
  if (key_frames_) key_frames_->handle_loss(now);
  delivery.handle_loss(static_cast<std::uint64_t>(count));
}

// Holes are seen in order, so only the first can be due.
void ReceiveStream::give_up_due(Instant now, Delivery& delivery) {
  while (!window_.empty()) {
    const Entry& hole = window_.front();
    if (now < hole.seen + config_.recovery_window && advances_ < hole.advances + config_.recovery_packets)
      return;
    advance(front_hole_end(), now, delivery);
  }
}

// The neighbours of a missing one were seen with it: a packet that waits lies between any two holes.
std::int64_t ReceiveStream::front_hole_end() const {
  std::int64_t end = next_;
  while (end <= highest() && !entry(end).slot) ++end;
  return end;
}

void ReceiveStream::handle_sender_report(Instant arrival, const SenderInfo& info) {
  if (!started_) return;
  reception_.handle_sender_report(info, arrival);
  const std::int64_t time =
      time_.started() ? time_.near(info.rtp_timestamp) : time_.unwrap(info.rtp_timestamp);
  sender_clock_ = SenderClock{info.ntp, time, arrival};
}

void ReceiveStream::handle_timeout(Instant now, Delivery& delivery) {
  give_up_due(now, delivery);
}

void ReceiveStream::flush(Instant now, Delivery& delivery) {
  advance(highest() + 1, now, delivery);
}

void ReceiveStream::set_round_trip(Duration sample) {
  if (round_trip_told_ != sample) round_trip_.add(sample);
  round_trip_told_ = sample;
}

void ReceiveStream::handle_key_frame(Instant now) {
  if (key_frames_) key_frames_->handle_key_frame(now);
}

void ReceiveStream::request_key_frame(Instant now) {
  if (key_frames_) key_frames_->handle_loss(now);
}

Instant ReceiveStream::deadline() const {
  Instant at = next_report_;
  if (key_frames_) at = std::min(at, key_frames_->due(missing_ > 0 ? Holes::open : Holes::none));
  if (window_.empty()) return at;
  if (config_.retransmission == Retransmission::nack) at = std::min(at, next_ask_);
  return std::min(at, window_.front().seen + config_.recovery_window);
}

void ReceiveStream::append_feedback(Instant now, RtcpBuilder& out) {
  if (now >= next_report_) {
    const ReportBlock block = reception_.report(config_.ssrc, now);
    out.receiver_report({&block, 1});
    next_report_ = now + config_.report_interval;
  }
  if (config_.retransmission == Retransmission::nack && now >= next_ask_) append_nack(now, out);
  if (key_frames_ && now >= key_frames_->due(missing_ > 0 ? Holes::open : Holes::none)) {
    out.picture_loss(config_.ssrc);
    key_frames_->handle_sent(now);
  }
}

void ReceiveStream::append_nack(Instant now, RtcpBuilder& out) {
  asking_.clear();
  next_ask_ = never;
  ask_after_ = 0;
  for (std::int64_t sequence = next_; sequence <= highest(); ++sequence) {
    Entry& hole = entry(sequence);
    if (hole.slot) continue;
    if (ask_at(hole) <= now) {
      asking_.push_back(static_cast<std::uint16_t>(sequence));
      if (hole.volleys == 0 || hole.copies >= volley()) {
        hole.volley_began = now;
        if (hole.volleys == 0) hole.first_asked = now;
        hole.copies = 0;
        ++hole.volleys;
      }
      hole.asked = now;
      ++hole.copies;
    } else if (hole.volleys == 0 && ask_after_ == 0) {
      ask_after_ = hole.advances + reordering_packets - 1;
    }
    next_ask_ = std::min(next_ask_, ask_at(hole));
  }
  if (!asking_.empty()) out.nack(config_.ssrc, asking_);
}

// The packet that showed the hole is the first after it.
Instant ReceiveStream::ask_at(const Entry& hole) const {
  if (hole.volleys == 0) {
    const bool overtaken =
        allowance_ == shortest_allowance && advances_ >= hole.advances + reordering_packets - 1;
    return overtaken ? hole.seen : hole.seen + allowance_;
  }
  return hole.asked + (hole.copies < volley() ? volley_spacing : retry_interval());
}

// With many packets a second a server does not keep one long enough to wait for each answer.
Duration ReceiveStream::retry_interval() const {
  const Duration kept = pace_ > Duration{} ? config_.recovery_packets * pace_ : config_.recovery_window;
  const Duration window = std::min(config_.recovery_window, kept);
  const Duration all_fit = (window - round_trip_.smoothed()) / tries - (volley() - 1) * volley_spacing;
  return std::min(round_trip_.retry_interval(), std::max(RoundTrip::shortest_retry, all_fit));
}

void ReceiveStream::measure_pace(Instant now) {
  if (pace_from_ != Instant{}) pace_ = (now - pace_from_) / pace_packets;
  pace_from_ = now;
}

// How many NACKs make an ask: all of them within half the time for which LiveKit answers none again.
int ReceiveStream::volley() const {
  if (repeated_answers_ >= unguarded_after) return 1;
  const auto fit = round_trip_.smoothed() / (2 * volley_spacing);
  return 1 + static_cast<int>(std::min<std::int64_t>(fit, longest_volley - 1));
}

}  // namespace holdfast::rtp

#include "sim/sim_downtrack.hpp"

#include <algorithm>

#include "rtp/packet.hpp"

namespace holdfast::sim {
namespace {

constexpr Duration longest_guard = std::chrono::milliseconds(100);

}  // namespace

void SimDowntrack::forward(Instant now, Bytes payload, std::uint32_t timestamp, bool marker, Begins begins,
                           std::optional<PayloadType> payload_type) {
  rtp::Packet header;
  header.payload_type = payload_type.value_or(config_.payload_type);
  header.marker = marker;
  header.sequence = static_cast<std::uint16_t>(config_.first_sequence + records_.size());
  header.timestamp = timestamp;
  header.ssrc = config_.ssrc;
  buffer_.resize(rtp::header_size);
  rtp::serialize_header(header, buffer_);
  buffer_.insert(buffer_.end(), payload.begin(), payload.end());
  history_.store(buffer_);

  if (records_.size() >= config_.history) records_[records_.size() - config_.history].left_history = now;
  Record& record = records_.emplace_back();
  record.sent = record.last_sent = now;
  record.arrival = send_(buffer_);
  ++counters_.forwarded;
  counters_.first_copy_lost += !record.arrival;
  last_timestamp_ = timestamp;
  octets_ += static_cast<std::uint32_t>(payload.size());
  if (begins == Begins::key_frame) awaits_key_frame_ = false;
}

void SimDowntrack::probe(Probe probe) {
  if (!config_.rtx || records_.empty()) return;
  const auto last = static_cast<std::uint16_t>(config_.first_sequence + records_.size() - 1);
  buffer_.clear();
  if (probe == Probe::duplicate) {
    rtp::append_rtx(*history_.find(last), config_.rtx->ssrc, config_.rtx->payload_type, rtx_sequence_++,
                    buffer_);
  } else {
    rtp::Packet header;
    header.payload_type = config_.rtx->payload_type;
    header.sequence = rtx_sequence_++;
    header.ssrc = config_.rtx->ssrc;  // the timestamp is 0
    buffer_.resize(rtp::header_size + 255, 0);
    rtp::serialize_header(header, buffer_);
    buffer_[0] |= 0x20;  // RFC 3550 section 5.1: padding, whose last byte counts it
    buffer_.back() = 255;
  }
  send_(buffer_);
}

SimDowntrack::Record* SimDowntrack::find(std::uint16_t sequence) {
  if (records_.empty()) return nullptr;
  const auto newest = static_cast<std::uint16_t>(config_.first_sequence + records_.size() - 1);
  const auto age = static_cast<std::uint16_t>(newest - sequence);
  if (age >= records_.size() || age >= config_.history) return nullptr;
  return &records_[records_.size() - 1 - age];
}

void SimDowntrack::handle_nack(Instant now, const rtp::Nack& nack) {
  nack.for_each([&](std::uint16_t sequence) {
    ++counters_.nacks;
    Record* record = find(sequence);
    if (record == nullptr || closed_) return;
    if (awaits_key_frame_) {
      record->ignored = true;
      ++counters_.ignored_after_pli;
    } else if (record->resends < most_resends) {
      resend(now, sequence, *record);
    }
  });
}

void SimDowntrack::resend(Instant now, std::uint16_t sequence, Record& record) {
  if (now - record.last_sent <= std::min(longest_guard, 2 * round_trip_)) {
    ++counters_.too_soon;
    return;
  }
  record.last_sent = now;
  ++record.resends;
  ++counters_.resent;
  counters_.resent_in_vain += record.arrival.has_value();
  const Bytes original = *history_.find(sequence);
  if (!config_.rtx) return note_arrival(record, send_(original));
  buffer_.clear();
  rtp::append_rtx(original, config_.rtx->ssrc, config_.rtx->payload_type, rtx_sequence_++, buffer_);
  note_arrival(record, send_(buffer_));
}

void SimDowntrack::note_arrival(Record& record, const std::optional<Instant>& arrival) {
  if (arrival) record.arrival = std::min(*arrival, record.arrival.value_or(*arrival));
}

void SimDowntrack::handle_picture_loss() {
  awaits_key_frame_ = key_frame_wanted_ = true;
  ++counters_.key_frame_requests;
}

void SimDowntrack::close(Instant now) {
  if (std::exchange(closed_, true)) return;
  const std::size_t kept = std::min<std::size_t>(records_.size(), config_.history);
  for (std::size_t i = records_.size() - kept; i < records_.size(); ++i) records_[i].left_history = now;
}

template <typename Visit>
void SimDowntrack::for_each_fate(Duration patience, Visit visit) const {
  std::optional<Instant> noticed;  // when the first later packet arrived
  for (std::size_t i = records_.size(); i > 0; --i) {
    const Record& record = records_[i - 1];
    const Instant from = noticed.value_or(record.sent);
    Fate fate = record.ignored ? Fate::ignored_after_pli : Fate::tries_left;
    if (record.arrival) {
      fate = Fate::arrived;
    } else if (record.resends == most_resends) {
      fate = Fate::all_copies_lost;
    } else if (record.left_history < from || record.left_history - from < patience) {
      fate = Fate::out_of_history;
    }
    visit(i - 1, fate, noticed);
    if (record.arrival) noticed = std::min(*record.arrival, noticed.value_or(*record.arrival));
  }
}

std::uint64_t SimDowntrack::count(Fate fate, Duration patience) const {
  std::uint64_t found = 0;
  for_each_fate(patience, [&](std::size_t, Fate each, const auto&) { found += each == fate; });
  return found;
}

Fate SimDowntrack::fate(std::size_t index, Duration patience) const {
  Fate found = Fate::arrived;
  for_each_fate(patience, [&](std::size_t i, Fate each, const auto&) {
    if (i == index) found = each;
  });
  return found;
}

SimDowntrack::Known SimDowntrack::known(Duration patience, std::span<const Dark> dark) const {
  Known known;
  Known so_far;  // is known once an earlier packet arrived
  for_each_fate(patience, [&](std::size_t, Fate fate, const std::optional<Instant>& noticed) {
    if (!noticed && fate != Fate::arrived) return;
    const bool was_dark = noticed && std::ranges::any_of(dark, [&](const Dark& span) {
                            return *noticed < span.to && *noticed + patience > span.from;
                          });
    const bool tries_left = fate == Fate::tries_left && !was_dark;
    ++so_far.packets;
    so_far.tries_left += tries_left;
    so_far.past_saving += fate != Fate::arrived && !tries_left;
    if (fate == Fate::arrived) known = so_far;
  });
  return known;
}

}  // namespace holdfast::sim

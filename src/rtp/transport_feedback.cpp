#include "rtp/transport_feedback.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "rtp/sequence.hpp"

namespace holdfast::rtp {
namespace {

using ReferenceUnit = std::chrono::duration<std::int64_t, std::ratio<64, 1000>>;
using DeltaUnit = std::chrono::duration<std::int64_t, std::micro>;
constexpr std::int64_t delta_us = 250;

// Section 3.1.1.
enum class Status : std::uint8_t { missing = 0, small_delta = 1, large_delta = 2 };

constexpr std::size_t vector_symbols = 7;  // of two bits, section 3.1.4
constexpr std::size_t longest_run = 0x1fff;

// Section 3.1.3 and 3.1.4: runs where they are no shorter than a vector, else vectors.
void write_chunks(const std::vector<Status>& statuses, ByteWriter& writer) {
  for (std::size_t at = 0; at < statuses.size();) {
    std::size_t run = 1;
    while (at + run < statuses.size() && run < longest_run && statuses[at + run] == statuses[at]) ++run;
    if (run >= vector_symbols || at + run == statuses.size()) {
      writer.write_u16(static_cast<std::uint16_t>(static_cast<unsigned>(statuses[at]) << 13 | run));
      at += run;
      continue;
    }
    unsigned chunk = 0b11;
    for (std::size_t i = 0; i < vector_symbols; ++i, ++at)
      chunk = chunk << 2 | (at < statuses.size() ? static_cast<unsigned>(statuses[at]) : 0);
    writer.write_u16(static_cast<std::uint16_t>(chunk));
  }
}

}  // namespace

void TransportFeedback::handle_packet(std::uint16_t sequence, Instant arrival) {
  if (!started_) {
    started_ = true;
    base_ = sequence;
  }
  const std::int64_t end = base_ + static_cast<std::int64_t>(arrivals_.size());
  const std::int64_t number = end + distance(static_cast<std::uint16_t>(end), sequence);
  if (number < base_) return;
  if (arrivals_.empty() || number - base_ >= static_cast<std::int64_t>(max_packets)) {
    // Nothing is said of packets between two reports that cannot be in one.
    if (number - base_ >= static_cast<std::int64_t>(max_packets)) {
      arrivals_.clear();
      base_ = number;
    }
    due_ = std::min(due_, arrival + interval);
  }
  const auto index = static_cast<std::size_t>(number - base_);
  if (index >= arrivals_.size()) arrivals_.resize(index + 1, missing);
  if (arrivals_[index] == missing) arrivals_[index] = arrival;
  if (arrivals_.size() >= max_packets / 2) due_ = std::min(due_, arrival);
}

// Section 3.1: base sequence number, count of statuses, reference time, count of messages, chunks, deltas.
void TransportFeedback::append(Instant now, Ssrc media, RtcpBuilder& out) {
  if (now < due_) return;
  const Instant first = *std::ranges::find_if(arrivals_, [](Instant arrival) { return arrival != missing; });
  const auto reference = std::chrono::floor<ReferenceUnit>(first.time_since_epoch());
  std::vector<Status> statuses;
  std::vector<std::int64_t> deltas;
  std::int64_t before = 0;
  for (const Instant arrival : arrivals_) {
    if (arrival == missing) {
      statuses.push_back(Status::missing);
      continue;
    }
    const auto since = std::chrono::floor<DeltaUnit>(arrival.time_since_epoch() - reference);
    const std::int64_t ticks = since.count() / delta_us;
    const std::int64_t delta = ticks - before;
    using Large = std::numeric_limits<std::int16_t>;
    if (delta < Large::min() || delta > Large::max()) break;  // for the next message
    before = ticks;
    deltas.push_back(delta);
    statuses.push_back(delta >= 0 && delta <= 255 ? Status::small_delta : Status::large_delta);
  }

  body_.clear();
  ByteWriter writer(body_);
  writer.write_u16(static_cast<std::uint16_t>(base_));
  writer.write_u16(static_cast<std::uint16_t>(statuses.size()));
  writer.write_u24(static_cast<std::uint32_t>(reference.count()) & 0xff'ffff);
  writer.write_u8(count_++);
  write_chunks(statuses, writer);
  for (const std::int64_t delta : deltas) {
    delta >= 0 && delta <= 255 ? writer.write_u8(static_cast<std::uint8_t>(delta))
                               : writer.write_u16(static_cast<std::uint16_t>(delta));
  }
  out.transport_feedback(media, body_);

  base_ += static_cast<std::int64_t>(statuses.size());
  arrivals_.erase(arrivals_.begin(), arrivals_.begin() + static_cast<std::ptrdiff_t>(statuses.size()));
  due_ = arrivals_.empty() ? never : now;
}

}  // namespace holdfast::rtp

#include "audit/ts_repair.hpp"

#include <algorithm>
#include <cstring>

namespace holdfast::audit {
namespace {

constexpr std::int64_t farthest = 10 * media::ticks_per_second;
// No decoder holds that much; a time that is farther ahead than it is wrong, and all after it would seem
// past.
constexpr std::int64_t farthest_ahead = 4 * media::ticks_per_second;
// By how much more than the clock a track may move at once: what it was waited for, and some.
constexpr std::int64_t most_ahead = media::ticks_per_second * 9 / 4;
constexpr std::int64_t near_step = media::ticks_per_second;
constexpr std::int64_t usual_step = std::int64_t{40} * 90;
constexpr std::uint16_t null_pid = 0x1fff;

// The flags of an adaptation field (ISO/IEC 13818-1 section 2.4.3.4).
constexpr std::uint8_t discontinuity_flag = 0x80;
constexpr std::uint8_t pcr_flag = 0x10;
constexpr std::size_t flags_at = 5, pcr_at = 6, pcr_size = 6;

std::uint16_t pid_of(Bytes packet) {
  return load_u16(packet.data() + 1) & 0x1fff;
}
bool has_payload(Bytes packet) {
  return (packet[3] & 0x10) != 0;
}

}  // namespace

void TsRepair::take_packet(std::uint64_t offset, Bytes bytes) {
  const auto packet = parse_ts_packet(bytes);
  const std::uint64_t behind = offset + bytes.size();
  if (!packet || packet->transport_error || packet->scrambled)
    return leave_out(offset, behind, "a damaged packet");
  if (packet->pid == null_pid) return;
  const bool is_table = packet->pid == 0 || packet->pid == pmt_pid_;
  if (is_table && !learn_tables(*packet, bytes)) return leave_out(offset, behind, "damaged program tables");
  Waiting waiting{.bytes = {}, .offset = offset};
  std::ranges::copy(bytes, waiting.bytes.begin());
  if (!tables_known_) {
    // What comes before the first tables belongs to nothing yet. The first PAT is written with the first PMT.
    if (!is_table) leave_out(offset, behind, "before the first program tables");
    return;
  }
  if (!tables_written_) {
    tables_written_ = true;
    queue({.bytes = pat_, .offset = offset});
    queue({.bytes = pmt_, .offset = offset});
    return settle();
  }
  if (is_table || stream_of_[packet->pid] == -2) {
    queue(waiting);
  } else if (stream_of_[packet->pid] >= 0) {
    take_media(*packet, waiting);
  } else {
    leave_out(offset, behind, "a packet that belongs to no stream");
  }
  settle();
}

bool TsRepair::learn_tables(const TsPacket& packet, Bytes bytes) {
  if (packet.pid == 0) {
    const auto pmt_pid = parse_pat(packet.payload);
    if (!pmt_pid) return false;
    if (pmt_pid_ == 0xffff) {
      pmt_pid_ = *pmt_pid;
      std::ranges::copy(bytes, pat_.begin());
    }
    return true;
  }
  const auto pmt = parse_pmt(packet.payload);
  if (!pmt) return false;
  if (!tables_known_) std::ranges::copy(bytes, pmt_.begin());
  tables_known_ = true;
  pcr_pid_ = pmt->pcr_pid;
  for (const PmtStream& stream : pmt->streams) {
    if (stream_of_[stream.pid] >= 0) continue;
    stream_of_[stream.pid] = static_cast<std::int16_t>(streams_.size());
    streams_.push_back({.pid = stream.pid, .kind = stream.kind});
  }
  for (const std::uint16_t pid : pmt->others) stream_of_[pid] = -2;
  return true;
}

void TsRepair::take_media(const TsPacket& packet, Waiting waiting) {
  Stream& stream = streams_[static_cast<std::size_t>(stream_of_[packet.pid])];
  if (packet.pcr && packet.pid == pcr_pid_) waiting.keep_clock = judge_clock(packet);
  if (!packet.has_payload) {
    if (waiting.keep_clock && believed_ == 1) {
      // Nothing before it says whether it is true: the next will.
      units_.push_back({.fate = Fate::open, .why = "an impossible clock (PCR) value"});
      waiting.unit = first_unit_ + units_.size() - 1;
      first_clock_ = waiting.unit;
    }
    return queue(waiting);
  }

  const std::uint8_t before = std::exchange(continuity_in_[packet.pid], packet.continuity);
  if (before != never && !packet.discontinuity && packet.continuity != ((before + 1U) & 0xf)) {
    if (packet.continuity == before && !packet.unit_start && stream.unit) {
      return leave_out(waiting.offset, waiting.offset + waiting.bytes.size(), "a duplicate packet");
    }
    leave_unit_out(stream, "packets of the frame are missing");
  }
  if (packet.unit_start) {
    end_unit(stream);
    begin_unit(stream, packet);
  } else if (stream.unit) {
    stream.got += packet.payload.size();
  }
  stream.ends_in_stuffing = packet.has_adaptation;
  if (stream.unit) {
    waiting.unit = *stream.unit;
  } else if (!waiting.keep_clock) {
    return leave_out(waiting.offset, waiting.offset + waiting.bytes.size(), stream.why);
  } else {
    units_.push_back({.fate = Fate::leave_out, .why = stream.why});
    waiting.unit = first_unit_ + units_.size() - 1;
  }
  queue(waiting);
}

void TsRepair::begin_unit(Stream& stream, const TsPacket& packet) {
  const auto header = parse_pes_header(packet.payload);
  const char* why = nullptr;
  if (!header || !header->markers) {
    why = "a damaged frame header";
  } else if (header->has_pts) {
    const std::int64_t delay = ts_distance(header->dts, header->pts);
    const std::int64_t lead = pcr_ ? ts_distance(*pcr_, header->dts) : 0;
    if (stream.last_dts && ts_distance(*stream.last_dts, header->dts) <= 0)
      why = "a frame whose timestamp goes back";
    if (delay < 0 || delay > farthest || lead < -farthest || lead > farthest_ahead)
      why = "an impossible timestamp";
  }
  if (why == nullptr && header->has_pts && stream.last_dts && stream.last_clock && pcr_) {
    const std::int64_t ahead =
        ts_distance(*stream.last_dts, header->dts) - ts_distance(*stream.last_clock, *pcr_);
    if (ahead > most_ahead) why = "an impossible timestamp";
  }
  if (header && !header->has_pts && stream.last_dts) why = "a frame without a timestamp";
  units_.push_back({});
  stream.unit = first_unit_ + units_.size() - 1;
  stream.new_dts.reset();
  if (why != nullptr) return leave_unit_out(stream, why);
  stream.expected = header->length;
  stream.got = packet.payload.size() - 6;
  if (!header->has_pts) return;
  stream.new_dts = header->dts;
  stream.new_clock = pcr_;
  time_ = has_time_ ? time_ + ts_distance(static_cast<std::uint64_t>(time_) & 0x1'ffff'ffff, header->dts)
                    : static_cast<media::Ticks>(header->dts);
  has_time_ = true;
}

void TsRepair::end_unit(Stream& stream) {
  if (!stream.unit) return;
  if (stream.expected != 0 && stream.expected != stream.got) {
    return leave_unit_out(stream, "a frame whose length differs from its header");
  }
  unit_of(*stream.unit).fate = Fate::keep;
  if (stream.new_dts) {
    stream.last_dts = stream.new_dts;
    stream.last_clock = stream.new_clock;
  }
  stream.unit.reset();
}

void TsRepair::leave_unit_out(Stream& stream, const char* why) {
  if (!stream.unit) return;
  // One that was let go because too many waited is out already.
  if (Unit& unit = unit_of(*stream.unit); unit.fate == Fate::open) unit = {Fate::leave_out, why};
  ++stream.frames_left_out;
  stream.why = why;
  stream.unit.reset();
}

bool TsRepair::judge_clock(const TsPacket& packet) {
  const auto plausible = [&](std::uint64_t before) {
    const std::int64_t step = ts_distance(before, *packet.pcr);
    return step > 0 && step < near_step;
  };
  const bool first_was_wrong = believed_ < 2 && suspect_pcr_ && plausible(*suspect_pcr_);
  const bool believed = !pcr_ || first_was_wrong || packet.discontinuity || plausible(*pcr_) ||
                        (suspect_pcr_ && plausible(*suspect_pcr_) && ts_distance(*pcr_, *packet.pcr) > 0);
  if (first_clock_ && *first_clock_ >= first_unit_ && believed) {
    unit_of(*first_clock_).fate = first_was_wrong ? Fate::leave_out : Fate::keep;
    first_clock_.reset();
  }
  if (!believed) {
    suspect_pcr_ = packet.pcr;
    return false;
  }
  ++believed_;
  pcr_ = packet.pcr;
  suspect_pcr_.reset();
  return true;
}

void TsRepair::queue(Waiting waiting) {
  if (waiting.unit != no_unit) ++unit_of(waiting.unit).waiting;
  waiting_.push_back(waiting);
  if (waiting_.size() <= max_waiting) return;
  // A stream that fell silent: its last frame is as whole as it will be.
  if (const std::uint64_t unit = waiting_.front().unit; unit != no_unit && unit_of(unit).fate == Fate::open) {
    unit_of(unit).fate = Fate::keep;
  }
}

void TsRepair::settle() {
  for (; !waiting_.empty(); waiting_.pop_front()) {
    Waiting& next = waiting_.front();
    if (next.unit == no_unit) {
      emit(next);
      continue;
    }
    Unit& unit = unit_of(next.unit);
    if (unit.fate == Fate::open) break;
    --unit.waiting;
    if (unit.fate == Fate::keep) {
      emit(next);
      continue;
    }
    leave_out(next.offset, next.offset + next.bytes.size(), unit.why);
    if (next.keep_clock && has_payload(next.bytes)) emit_clock(next);
  }
  forget_units();
}

// The clock reference of a packet whose payload is left out.
void TsRepair::emit_clock(Waiting& waiting) {
  Packet& bytes = waiting.bytes;
  bytes[1] &= 0x1f;
  bytes[3] = static_cast<std::uint8_t>((bytes[3] & 0xf) | 0x20);
  bytes[4] = 183;
  bytes[flags_at] = static_cast<std::uint8_t>(pcr_flag | (bytes[flags_at] & discontinuity_flag));
  std::memset(bytes.data() + pcr_at + pcr_size, 0xff, bytes.size() - pcr_at - pcr_size);
  emit(waiting);
}

// Those that no packet waits for, and that no packet will be of.
void TsRepair::forget_units() {
  const auto is_read = [&] {
    return std::ranges::any_of(streams_, [&](const Stream& stream) { return stream.unit == first_unit_; });
  };
  while (!units_.empty() && units_.front().waiting == 0 && !is_read()) {
    units_.pop_front();
    ++first_unit_;
  }
}

void TsRepair::emit(Waiting& waiting) {
  Packet& bytes = waiting.bytes;
  const std::uint16_t pid = pid_of(bytes);
  const auto packet = parse_ts_packet(bytes);
  if (packet && packet->pcr && pid == pcr_pid_) {
    if (!waiting.keep_clock) {
      if (!packet->has_payload) {
        return leave_out(waiting.offset, waiting.offset + bytes.size(), "an impossible clock (PCR) value");
      }
      bytes[flags_at] &= static_cast<std::uint8_t>(~pcr_flag);
      std::memset(bytes.data() + pcr_at, 0xff, pcr_size);
    } else {
      const std::int64_t step = pcr_out_ ? ts_distance(*pcr_out_, *packet->pcr) : 0;
      if (step < 0 || step > usual_step) bytes[flags_at] |= discontinuity_flag;
      pcr_out_ = packet->pcr;
    }
  } else if (packet && packet->discontinuity && !packet->pcr) {
    // Of counters that are new now.
    bytes[flags_at] &= static_cast<std::uint8_t>(~discontinuity_flag);
  }
  std::uint8_t& counter = continuity_out_[pid];
  if (has_payload(bytes)) counter = (counter + 1) & 0xf;
  bytes[3] = static_cast<std::uint8_t>((bytes[3] & 0xf0) | counter);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void TsRepair::take_unmarked(std::uint64_t offset) {
  leave_out(offset, offset + container::ts::packet_size, "a packet without its sync byte");
}
void TsRepair::take_noise(std::uint64_t from, std::uint64_t to) {
  leave_out(from, to, "not MPEG-TS packets");
}
void TsRepair::take_rest(std::uint64_t offset, std::size_t bytes) {
  leave_out(offset, offset + bytes, "a truncated packet");
}

void TsRepair::finish() {
  sync_.finish(*this);
  if (first_clock_ && *first_clock_ >= first_unit_) unit_of(*first_clock_).fate = Fate::keep;
  for (Stream& stream : streams_) {
    if (stream.unit && stream.expected == 0 && !stream.ends_in_stuffing) {
      // A frame's last packet is filled up, unless it happens to fit.
      leave_unit_out(stream, "the last frame, which is truncated");
    } else {
      end_unit(stream);
    }
  }
  settle();
  flush_left_out();
}

void TsRepair::leave_out(std::uint64_t from, std::uint64_t to, const char* why) {
  if (leaving_ && leaving_->to == from && leaving_->why == why) {
    leaving_->to = to;
    return;
  }
  flush_left_out();
  leaving_ = LeftOut{from, to, has_time_ ? std::optional(time_) : std::nullopt, why};
}

void TsRepair::flush_left_out() {
  if (leaving_) told_(*std::exchange(leaving_, std::nullopt));
}

}  // namespace holdfast::audit

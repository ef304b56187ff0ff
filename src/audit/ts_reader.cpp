#include "audit/ts_reader.hpp"

#include <algorithm>

#include "codec/h264_bitstream.hpp"

namespace holdfast::audit {
namespace {

using media::Ticks;

// Of our muxer, and the most that ISO/IEC 13818-1 section 2.7.2 allows anybody.
constexpr std::int64_t our_pcr_interval = std::int64_t{40} * 90;
constexpr std::int64_t pcr_interval = std::int64_t{100} * 90;
// Farther from the clock no frame can be: decoders hold a second of media, we wait some seconds for packets.
constexpr std::int64_t farthest = 10 * media::ticks_per_second;
constexpr std::size_t max_streams = 32;
constexpr std::uint16_t null_pid = 0x1fff;

// ISO/IEC 13818-7 section 6.2.
void read_adts(Bytes payload, TrackStructure& track) {
  static constexpr std::array<int, 13> rates = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                                22050, 16000, 12000, 11025, 8000,  7350};
  if (payload.size() < 4 || payload[0] != 0xff || (payload[1] & 0xf6) != 0xf0) return;
  const std::size_t index = payload[2] >> 2 & 0xf;
  if (index < rates.size()) track.sample_rate = rates[index];
  track.channels = (payload[2] & 1) << 2 | payload[3] >> 6;
}

Ticks duration_of(const TrackStructure& track) {
  if (track.codec == "aac" && track.sample_rate > 0) {
    return 1024 * media::ticks_per_second / track.sample_rate;
  }
  return track.codec == "opus" ? media::ticks_per_second / 50 : 0;
}

}  // namespace

TsReader::TsReader(Findings& findings, std::string file, Rules rules, Ticks near)
    : StructureReader(findings, std::move(file), rules), time_(near) {
  continuity_.fill(never_seen);
  stream_of_.fill(no_stream);
}

void TsReader::finish(Ending ending) {
  ending_ = ending;
  sync_.finish(*this);
  for (Stream& stream : streams_) {
    if (ending == Ending::cut && stream.in_pes && stream.expected > stream.got) {
      report(What::tail, Severity::note, stream.begun_at, "the last frame is incomplete");
    } else {
      end_unit(stream);
    }
  }
  if (!any_table_) fault(What::tables, 0, "no program tables (PAT, PMT): the file cannot be played");
}

void TsReader::take_packet(std::uint64_t offset, Bytes packet) {
  offset_ = offset;
  read_packet(packet);
  structure_.whole_bytes = offset + size;
}

void TsReader::take_unmarked(std::uint64_t offset) {
  fault(What::structure, offset, "a packet without its sync byte");
}

void TsReader::take_noise(std::uint64_t from, std::uint64_t to) {
  fault(What::structure, from, "{} bytes are not MPEG-TS packets", to - from);
}

void TsReader::take_rest(std::uint64_t offset, std::size_t bytes) {
  const bool whole = ending_ == Ending::whole;
  report(whole ? What::structure : What::tail, whole ? Severity::fault : Severity::note, offset,
         fmt::format("the file ends with {} bytes of a packet of 188 bytes", bytes));
}

void TsReader::read_packet(Bytes bytes) {
  const auto packet = parse_ts_packet(bytes);
  if (!packet) return fault(What::structure, offset_, "a packet whose header contradicts itself");
  if (packet->pid == null_pid) return;
  if (packet->transport_error) fault(What::structure, offset_, "a packet with the transport error flag");
  if (packet->scrambled) return fault(What::structure, offset_, "a scrambled packet");
  check_continuity(*packet);
  if (packet->pcr && packet->pid == pcr_pid_) read_clock(*packet);
  if (!packet->has_payload) return;
  if (packet->pid == 0) return read_pat(*packet);
  if (packet->pid == pmt_pid_) return read_pmt(*packet);
  if (const std::uint8_t index = stream_of_[packet->pid]; index < other_stream) {
    return read_payload(streams_[index], *packet);
  } else if (index == other_stream) {
    return;
  }
  // Tables of other standards (ETSI EN 300 468 section 5.1.3) have PIDs of their own.
  constexpr std::uint16_t last_table_pid = 0x1f;
  if (packet->pid <= last_table_pid && rules() == Rules::anybodys) return;
  irregular(What::structure, offset_, "PID {} is not in the program tables", packet->pid);
}

void TsReader::check_continuity(const TsPacket& packet) {
  std::uint8_t& last = continuity_[packet.pid];
  const std::uint8_t before = std::exchange(last, packet.continuity);
  if (before == never_seen || packet.discontinuity) return;
  const unsigned want = packet.has_payload ? (before + 1U) & 0xf : before;
  if (packet.continuity == want) return;
  if (const std::uint8_t index = stream_of_[packet.pid]; index < other_stream && packet.has_payload) {
    Stream& stream = streams_[index];
    stream.broken = true;
    stream.in_pes = false;
  }
  if (packet.has_payload && packet.continuity == before) {
    return irregular(What::continuity, offset_, "a duplicate packet of PID {}", packet.pid);
  }
  fault(What::continuity, offset_,
        "packets of PID {} are missing or out of order: continuity counter {} follows {}", packet.pid,
        packet.continuity, before);
}

void TsReader::read_clock(const TsPacket& packet) {
  if (pcr_ && !packet.discontinuity) {
    const std::int64_t step = ts_distance(*pcr_, *packet.pcr);
    const std::int64_t most = rules() == Rules::ours ? our_pcr_interval : pcr_interval;
    if (step <= 0) {
      fault(What::clock, offset_, "the clock (PCR) goes back by {} ms", -step / 90);
    } else if (step > most) {
      irregular(What::clock, offset_, "the clock (PCR) jumps by {} ms", step / 90);
    }
  }
  pcr_ = packet.pcr;
}

void TsReader::read_pat(const TsPacket& packet) {
  if (!packet.unit_start) return irregular(What::tables, offset_, "a PAT that spans several packets");
  const auto pmt_pid = parse_pat(packet.payload);
  if (!pmt_pid) return fault(What::tables, offset_, "a damaged PAT");
  pmt_pid_ = *pmt_pid;
}

void TsReader::read_pmt(const TsPacket& packet) {
  if (!packet.unit_start) return irregular(What::tables, offset_, "a PMT that spans several packets");
  const auto pmt = parse_pmt(packet.payload);
  if (!pmt) return fault(What::tables, offset_, "a damaged PMT");
  any_table_ = true;
  pcr_pid_ = pmt->pcr_pid;
  for (const std::uint16_t pid : pmt->others) {
    if (stream_of_[pid] == no_stream) stream_of_[pid] = other_stream;
  }
  for (const PmtStream& found : pmt->streams) {
    if (stream_of_[found.pid] != no_stream || streams_.size() >= max_streams) continue;
    stream_of_[found.pid] = static_cast<std::uint8_t>(streams_.size());
    streams_.push_back({.pid = found.pid, .track = structure_.tracks.size()});
    TrackStructure track{.kind = found.kind, .codec = found.codec};
    if (found.codec == "opus") track.sample_rate = 48'000, track.channels = 2;
    structure_.tracks.push_back(std::move(track));
  }
}

void TsReader::read_payload(Stream& stream, const TsPacket& packet) {
  if (packet.unit_start) {
    end_unit(stream);
    return begin_unit(stream, packet);
  }
  if (!stream.in_pes) {
    // What comes before the first unit is the end of one that another file has.
    if (!std::exchange(stream.broken, true)) {
      irregular(What::structure, offset_, "PID {}: continuation without a start", stream.pid);
    }
    return;
  }
  stream.got += packet.payload.size();
  if (stream.random_access && stream.head.size() < look) {
    stream.head.insert(stream.head.end(), packet.payload.begin(), packet.payload.end());
  }
}

void TsReader::begin_unit(Stream& stream, const TsPacket& packet) {
  stream.broken = false;
  const auto header = parse_pes_header(packet.payload);
  if (!header) {
    stream.broken = true;
    return fault(What::structure, offset_, "PID {}: a frame starts without a PES header", stream.pid);
  }
  TrackStructure& track = structure_.tracks[stream.track];
  stream.in_pes = true;
  stream.begun_at = offset_;
  stream.expected = header->length;
  stream.got = packet.payload.size() - 6;
  stream.random_access = packet.random_access;
  const Bytes payload = packet.payload.subspan(header->size);
  stream.head.clear();
  if (packet.random_access) stream.head.assign(payload.begin(), payload.end());
  if (track.codec == "aac" && track.sample_rate == 0) read_adts(payload, track);

  if (!header->has_pts) {
    return irregular(What::times, offset_, "PID {}: a frame without a timestamp", stream.pid);
  }
  if (!header->markers)
    fault(What::structure, offset_, "PID {}: wrong marker bits in a timestamp", stream.pid);
  check_times(stream, *header);
  const Ticks dts = unwrap(header->dts);
  time_ = dts;
  const Ticks pts = dts + std::max<std::int64_t>(ts_distance(header->dts, header->pts), 0);
  const bool key = track.kind == media::Kind::audio || packet.random_access;
  note_frame({stream.track, pts, duration_of(track), key, offset_});
}

void TsReader::check_times(Stream& stream, const PesHeader& header) {
  const std::int64_t delay = ts_distance(header.dts, header.pts);
  if (delay < 0 || delay > farthest) {
    fault(What::times, offset_, "PID {}: PTS {} ms after DTS", stream.pid, delay / 90);
  }
  const auto before = std::exchange(stream.last_dts, header.dts);
  if (before && ts_distance(*before, header.dts) <= 0) {
    fault(What::times, offset_, "PID {}: timestamps go back by {} ms", stream.pid,
          -ts_distance(*before, header.dts) / 90);
  }
  if (!pcr_) return;
  if (const std::int64_t lead = ts_distance(*pcr_, header.dts); lead < -farthest || lead > farthest) {
    fault(What::times, offset_, "PID {}: a timestamp {} ms away from the clock (PCR)", stream.pid, lead / 90);
  }
}

void TsReader::end_unit(Stream& stream) {
  if (!std::exchange(stream.in_pes, false)) return;
  if (stream.expected != 0 && stream.expected != stream.got) {
    fault(What::structure, stream.begun_at, "PID {}: a frame of {} bytes declares {} bytes", stream.pid,
          stream.got, stream.expected);
  }
  if (stream.random_access) look_at_head(stream);
}

// A player that begins here needs the parameter sets (ISO/IEC 13818-1 section 2.14.1).
void TsReader::look_at_head(Stream& stream) {
  TrackStructure& track = structure_.tracks[stream.track];
  if (track.codec != "h264") return;
  bool has_sps = false, has_pps = false, has_slice = false;
  codec::NalReader nals(stream.head);
  while (const auto nal = nals.next()) {
    const codec::NalType type = codec::nal_type(*nal);
    if (codec::is_slice(type)) {
      has_slice = true;
      break;
    }
    has_pps |= type == codec::NalType::pps;
    if (type != codec::NalType::sps) continue;
    has_sps = true;
    if (const auto sps = codec::Sps::parse(*nal)) track.width = sps->width, track.height = sps->height;
  }
  if (has_slice && !(has_sps && has_pps)) {
    irregular(What::random_access, stream.begun_at, "PID {}: a key frame without its parameter sets",
              stream.pid);
  }
}

Ticks TsReader::unwrap(std::uint64_t time) const {
  return time_ + ts_distance(static_cast<std::uint64_t>(time_) & 0x1'ffff'ffff, time);
}

}  // namespace holdfast::audit

#include "codec/h264.hpp"

#include <utility>

#include "codec/bit_reader.hpp"

namespace holdfast::codec {
namespace {

constexpr std::uint8_t forbidden_bit = 0x80;
constexpr std::uint8_t fragment_start = 0x80;
constexpr std::uint8_t fragment_end = 0x40;

// What may stand by itself or in an aggregate: types 1..23 (RFC 6184 table 1).
bool is_plain_nal(Bytes nal) {
  return !nal.empty() && !(nal[0] & forbidden_bit) && nal_type(nal) >= NalType::slice &&
         nal_type(nal) < NalType::stap_a;
}

// A recovery point (ITU-T H.264 section D.1.8) that is exact at once: recovery_frame_cnt 0.
bool has_recovery_point_message(Bytes sei) {
  static constexpr std::uint32_t recovery_point = 6;
  BitReader bits(sei.subspan(1));
  const auto read_sum = [&] {  // section 7.3.2.3.1: bytes of 255 and one that is less
    std::uint32_t sum = 0;
    std::uint32_t byte = 255;
    while (byte == 255 && bits.ok()) sum += byte = bits.read_bits(8);
    return sum;
  };
  while (bits.ok()) {
    const std::uint32_t type = read_sum();
    const std::uint32_t size = read_sum();
    if (!bits.ok() || size > sei.size()) return false;
    if (type == recovery_point) return bits.read_unsigned() == 0 && bits.ok();
    bits.skip_bits(static_cast<int>(size) * 8);
  }
  return false;
}

// After a slice such a unit would be read as the start of another access unit (ITU-T H.264
// section 7.4.1.2.3). GStreamer repeats the parameter sets before every slice of an IDR picture: the first
// ones say it all.
constexpr bool begins_access_unit(NalType type) {
  return type == NalType::sps || type == NalType::pps || type == NalType::aud;
}

}  // namespace

bool H264ParameterSets::store(Bytes nal) {
  if (nal.size() > max_bytes) return false;
  if (nal_type(nal) == NalType::sps) {
    const std::optional<Sps> sps = Sps::parse(nal);
    if (sps) sps_[sps->id].assign(nal.begin(), nal.end());
    return sps.has_value();
  }
  const std::optional<Pps> pps = Pps::parse(nal);
  if (pps) pps_[pps->id] = {pps->sps_id, ByteVector(nal.begin(), nal.end())};
  return pps.has_value();
}

std::optional<H264ParameterSets::Active> H264ParameterSets::activate(std::uint8_t pps_id) const {
  const auto pps = pps_.find(pps_id);
  if (pps == pps_.end()) return std::nullopt;
  const auto sps = sps_.find(pps->second.sps_id);
  if (sps == sps_.end()) return std::nullopt;
  Active active{*Sps::parse(sps->second), {}};
  append_annex_b(sps->second, active.config);
  for (const auto& [id, other] : pps_) {
    if (other.sps_id == sps->first) append_annex_b(other.nal, active.config);
  }
  return active;
}

H264Depacketizer::H264Depacketizer() {
  format_.codec = media::Codec::h264;
}

void H264Depacketizer::push(const RtpPayload& payload, FrameSink& sink) {
  if (payload.payload.empty()) return sink.discard(Discard::empty, 1);
  if (unit_.packets > 0 && payload.time != unit_.time) finish(sink);
  if (unit_.packets == 0) begin(payload.time);
  lost_before_ = false;
  ++unit_.packets;
  add_payload(payload.payload);
  if (payload.marker) finish(sink);
}

void H264Depacketizer::handle_loss(FrameSink&) {
  lost_before_ = true;
  damage_ = media::Damage::reference_lost;
  if (unit_.packets > 0) mark_broken(Discard::incomplete);
}

void H264Depacketizer::flush(FrameSink& sink) {
  if (unit_.packets == 0) return;
  mark_broken(Discard::incomplete);  // its marker never came
  finish(sink);
}

void H264Depacketizer::begin(std::int64_t time) {
  unit_ = {};
  memory_.take(unit_.bytes);
  unit_.time = time;
  unit_.follows_loss = lost_before_;
}

void H264Depacketizer::finish(FrameSink& sink) {
  if (unit_.fragment_open) mark_broken(Discard::malformed);
  if (const std::optional<Discard> why = judge()) {
    if (why != Discard::empty) damage_ = media::Damage::reference_lost;
    sink.discard(*why, unit_.packets);
  } else {
    emit(sink);
  }
  memory_.give_back(unit_.bytes);
  unit_.packets = 0;
}

// Why the unit cannot come out, if it cannot.
std::optional<Discard> H264Depacketizer::judge() {
  if (unit_.broken) return unit_.broken;
  if (!unit_.slice) return Discard::empty;
  if (unit_.follows_loss && lacks_start()) return Discard::incomplete;
  if (picture() == media::Picture::key) return judge_key_frame();
  return had_key_frame_ ? std::nullopt : std::optional(Discard::no_key_frame);
}

bool H264Depacketizer::lacks_start() const {
  return unit_.slice->first_macroblock != 0 || (uses_delimiters_ && unit_.after_delimiter == 0);
}

// Makes the parameter sets it refers to the format.
std::optional<Discard> H264Depacketizer::judge_key_frame() {
  std::optional<H264ParameterSets::Active> active = parameter_sets_.activate(unit_.slice->pps_id);
  if (!active) return Discard::no_key_frame;
  if (unit_.follows_loss && !unit_.has_sps) return Discard::incomplete;
  format_.width = active->sps.width;
  format_.height = active->sps.height;
  format_.config = std::move(active->config);
  return std::nullopt;
}

void H264Depacketizer::emit(FrameSink& sink) {
  uses_delimiters_ = unit_.after_delimiter > 0;
  if (picture() == media::Picture::key) {
    had_key_frame_ = true;
    damage_ = media::Damage::none;
    if (!unit_.has_sps || !unit_.has_pps) {
      const auto at = unit_.bytes.begin() + static_cast<std::ptrdiff_t>(unit_.after_delimiter);
      unit_.bytes.insert(at, format_.config.begin(), format_.config.end());
    }
  }
  sink.frame({.time = unit_.time,
              .picture = picture(),
              .damage = damage_,
              .packets = unit_.packets,
              .width = format_.width,
              .height = format_.height,
              .payload = unit_.bytes});
}

media::Picture H264Depacketizer::picture() const {
  const bool recovers = unit_.has_recovery_point && unit_.has_sps && unit_.slice->is_intra;
  return unit_.has_idr || recovers ? media::Picture::key : media::Picture::delta;
}

// RFC 6184 section 5.4 and table 1. What follows the type byte is in the section of each.
void H264Depacketizer::add_payload(Bytes payload) {
  const NalType type = nal_type(payload);
  const bool is_fragment = type == NalType::fu_a || type == NalType::fu_b;
  if (payload[0] & forbidden_bit || (unit_.fragment_open && !is_fragment))
    return mark_broken(Discard::malformed);
  if (is_plain_nal(payload)) return add_nal(payload);
  switch (type) {
    case NalType::stap_a:
      return add_aggregate(payload.subspan(1), 0);
    case NalType::stap_b:  // after the decoding order number
      return add_aggregate(payload.size() < 3 ? Bytes() : payload.subspan(3), 0);
    case NalType::mtap16:
      return add_aggregate(payload.size() < 3 ? Bytes() : payload.subspan(3), 2);
    case NalType::mtap24:
      return add_aggregate(payload.size() < 3 ? Bytes() : payload.subspan(3), 3);
    case NalType::fu_a:
      return add_fragment(payload, 2);
    case NalType::fu_b:
      return add_fragment(payload, 4);
    default:
      return;  // types 0, 30 and 31 mean nothing: passed over
  }
}

// Sections 5.7.1 and 5.7.2: units after their size; in an MTAP also after the difference of their decoding
// order number and an offset to the timestamp, which must be zero here, all being of one access unit.
void H264Depacketizer::add_aggregate(Bytes units, std::size_t offset_bytes) {
  if (units.empty()) return mark_broken(Discard::malformed);
  ByteReader reader(units);
  while (reader.remaining() > 0) {
    const std::size_t size = reader.read_u16();
    if (offset_bytes > 0) reader.skip(1);
    for (const std::uint8_t byte : reader.read_bytes(offset_bytes)) {
      if (byte != 0) return mark_broken(Discard::malformed);
    }
    const Bytes nal = reader.read_bytes(size);
    if (!reader.ok() || !is_plain_nal(nal)) return mark_broken(Discard::malformed);
    add_nal(nal);
  }
}

// Section 5.8: the first two bytes hold what makes the unit's own header.
void H264Depacketizer::add_fragment(Bytes payload, std::size_t header_bytes) {
  if (payload.size() <= header_bytes) return mark_broken(Discard::malformed);
  if (unit_.broken) return;
  const std::uint8_t flags = payload[1];
  if (flags & fragment_start) {
    const std::uint8_t header = static_cast<std::uint8_t>((payload[0] & 0xe0) | (flags & 0x1f));
    if (unit_.fragment_open || !is_plain_nal({&header, 1})) return mark_broken(Discard::malformed);
    append_annex_b({&header, 1}, unit_.bytes);
    unit_.fragment_at = unit_.bytes.size() - 1;
    unit_.fragment_open = true;
  } else if (!unit_.fragment_open) {
    // Its start may be what was lost before this unit.
    return mark_broken(unit_.follows_loss && unit_.bytes.empty() ? Discard::incomplete : Discard::malformed);
  }
  append(payload.subspan(header_bytes));
  if (flags & fragment_end) {
    unit_.fragment_open = false;
    inspect(Bytes(unit_.bytes).subspan(unit_.fragment_at));
  }
}

void H264Depacketizer::add_nal(Bytes nal) {
  inspect(nal);
  if (nal_type(nal) == NalType::aud && unit_.bytes.empty()) unit_.after_delimiter = nal.size() + 4;
  if (unit_.broken || (unit_.slice && begins_access_unit(nal_type(nal)))) return;
  append_annex_b({}, unit_.bytes);
  append(nal);
}

// Notes what a whole NAL unit means for its access unit.
void H264Depacketizer::inspect(Bytes nal) {
  const NalType type = nal_type(nal);
  switch (type) {
    case NalType::idr:
    case NalType::slice:
    case NalType::partition_a:
      unit_.has_idr |= type == NalType::idr;
      if (!unit_.slice) unit_.slice = SliceHeader::parse(nal);
      if (!unit_.slice) mark_broken(Discard::malformed);
      return;
    case NalType::sei:
      unit_.has_recovery_point |= has_recovery_point_message(nal);
      return;
    case NalType::sps:
    case NalType::pps:
      (type == NalType::sps ? unit_.has_sps : unit_.has_pps) = true;
      if (!parameter_sets_.store(nal)) mark_broken(Discard::malformed);
      return;
    default:
      return;
  }
}

void H264Depacketizer::append(Bytes bytes) {
  if (unit_.bytes.size() + bytes.size() > max_frame_bytes) return mark_broken(Discard::malformed);
  unit_.bytes.insert(unit_.bytes.end(), bytes.begin(), bytes.end());
}

// The first cause counts.
void H264Depacketizer::mark_broken(Discard why) {
  unit_.fragment_open = false;
  if (!unit_.broken) unit_.broken = why;
}

}  // namespace holdfast::codec

#include "rtp/rtcp.hpp"

#include <algorithm>

namespace holdfast::rtp {
namespace {

// RFC 3550 section 12.1, RFC 4585 section 6.1.
constexpr int sender_report_type = 200;
constexpr int receiver_report_type = 201;
constexpr int source_description_type = 202;
constexpr int bye_type = 203;
constexpr int transport_feedback_type = 205;
constexpr int payload_feedback_type = 206;

constexpr int generic_nack_format = 1;
constexpr int transport_wide_format = 15;
constexpr int picture_loss_format = 1;
constexpr int full_intra_format = 4;

constexpr std::uint8_t cname_item = 1;
constexpr std::size_t report_block_size = 24;
constexpr std::size_t intra_request_size = 8;

// Sign-extends the 24 bits of cumulative loss.
constexpr std::int32_t load_i24(const std::uint8_t* p) {
  return static_cast<std::int32_t>(load_u24(p) << 8) >> 8;
}

// RFC 3550 section 6.5: items of type, length, text; type 0 ends the chunk at the next word boundary.
std::optional<std::string_view> read_items(ByteReader& reader) {
  std::optional<std::string_view> name;
  while (reader.remaining() > 0) {
    const std::uint8_t type = reader.read_u8();
    if (type == 0) {
      reader.skip(reader.remaining() % 4);
      break;
    }
    const Bytes text = reader.read_bytes(reader.read_u8());
    if (type == cname_item && reader.ok()) name = as_text(text);
  }
  return name;
}

}  // namespace

ReportBlock ReportBlocks::operator[](std::size_t index) const {
  const std::uint8_t* p = bytes_.subspan(index * block_size, block_size).data();
  return {.source = Ssrc(load_u32(p)),
          .fraction_lost = p[4],
          .cumulative_lost = load_i24(p + 5),
          .highest_sequence = load_u32(p + 8),
          .jitter = load_u32(p + 12),
          .last_sender_report = load_u32(p + 16),
          .delay_since_last_sr = load_u32(p + 20)};
}

std::optional<ReportBlock> ReportBlocks::find(Ssrc source) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const ReportBlock block = (*this)[i];
    if (block.source == source) return block;
  }
  return std::nullopt;
}

bool Bye::contains(Ssrc source) const {
  for (std::size_t at = 0; at + 4 <= sources.size(); at += 4) {
    if (load_u32(&sources[at]) == source.value()) return true;
  }
  return false;
}

std::optional<RtcpMessage> RtcpReader::next() {
  while (!malformed_) {
    if (type_ == 0 && !open_packet()) return std::nullopt;
    if (auto message = read_body()) return message;
    type_ = 0;
  }
  return std::nullopt;
}

// RFC 3550 section 6.4.1, the first word of every RTCP packet.
bool RtcpReader::open_packet() {
  if (rest_.empty()) return false;
  ByteReader reader(rest_);
  const std::uint8_t first = reader.read_u8();
  const int type = reader.read_u8();
  body_ = reader.read_bytes(std::size_t{reader.read_u16()} * 4);
  const std::size_t padding = (first & 0x20) && !body_.empty() ? body_.back() : 0;
  if (!reader.ok() || first >> 6 != 2 || padding > body_.size()) {
    malformed_ = true;
    return false;
  }
  body_ = body_.first(body_.size() - padding);
  rest_ = reader.rest();
  type_ = type;
  count_ = first & 0x1f;
  sender_.reset();
  return true;
}

// One message of the open packet, or nothing when it has no more.
std::optional<RtcpMessage> RtcpReader::read_body() {
  if (body_.empty()) return std::nullopt;
  switch (type_) {
    case sender_report_type:
    case receiver_report_type:
      return read_report();
    case source_description_type:
      return read_chunk();
    case bye_type: {
      const Bytes sources = take(static_cast<std::size_t>(count_) * 4);
      body_ = {};
      return malformed_ ? std::nullopt : std::optional<RtcpMessage>(Bye{sources});
    }
    case transport_feedback_type:
    case payload_feedback_type:
      return read_feedback();
    default:
      return std::nullopt;
  }
}

// RFC 3550 sections 6.4.1 and 6.4.2. What follows the blocks is a profile's extension.
std::optional<RtcpMessage> RtcpReader::read_report() {
  ByteReader reader(take(type_ == sender_report_type ? 24 : 4));
  const Bytes blocks = take(static_cast<std::size_t>(count_) * report_block_size);
  body_ = {};
  if (malformed_) return std::nullopt;
  const Ssrc sender(reader.read_u32());
  if (type_ == receiver_report_type) return ReceiverReport{sender, ReportBlocks(blocks)};
  SenderInfo info;
  info.ntp = reader.read_u64();
  info.rtp_timestamp = reader.read_u32();
  info.packets = reader.read_u32();
  info.octets = reader.read_u32();
  return SenderReport{sender, info, ReportBlocks(blocks)};
}

std::optional<RtcpMessage> RtcpReader::read_chunk() {
  while (body_.size() >= 4) {
    ByteReader reader(body_);
    const Ssrc source(reader.read_u32());
    const auto name = read_items(reader);
    malformed_ = !reader.ok();
    body_ = reader.rest();
    if (malformed_) return std::nullopt;
    if (name) return CanonicalName{source, *name};
  }
  return std::nullopt;
}

// RFC 4585 section 6.1: our kinds of feedback, each after the SSRCs of its sender and of the media.
std::optional<RtcpMessage> RtcpReader::read_feedback() {
  if (!sender_) {
    ByteReader reader(take(8));
    sender_ = Ssrc(reader.read_u32());
    media_ = Ssrc(reader.read_u32());
    if (malformed_) return std::nullopt;
    if (type_ == payload_feedback_type && count_ == picture_loss_format) return PictureLoss{*sender_, media_};
  }
  if (type_ == transport_feedback_type && count_ == generic_nack_format && !body_.empty()) {
    return Nack{*sender_, media_, take(body_.size())};
  }
  // RFC 5104 section 4.3.1.1: the media's SSRC is in each entry.
  if (type_ == payload_feedback_type && count_ == full_intra_format && body_.size() >= intra_request_size) {
    ByteReader reader(take(intra_request_size));
    const Ssrc media(reader.read_u32());
    return FullIntraRequest{*sender_, media, reader.read_u8()};
  }
  return std::nullopt;
}

Bytes RtcpReader::take(std::size_t count) {
  if (count > body_.size()) {
    malformed_ = true;
    return {};
  }
  const Bytes head = body_.first(count);
  body_ = body_.subspan(count);
  return head;
}

void RtcpBuilder::sender_report(const SenderInfo& info, std::span<const ReportBlock> blocks) {
  const std::size_t start = begin(sender_report_type, blocks.size());
  ByteWriter writer(out_);
  writer.write_u64(info.ntp);
  writer.write_u32(info.rtp_timestamp);
  writer.write_u32(info.packets);
  writer.write_u32(info.octets);
  write_blocks(blocks);
  end(start);
}

void RtcpBuilder::receiver_report(std::span<const ReportBlock> blocks) {
  const std::size_t start = begin(receiver_report_type, blocks.size());
  write_blocks(blocks);
  end(start);
}

void RtcpBuilder::canonical_name(std::string_view name) {
  const std::size_t start = begin(source_description_type, 1);
  ByteWriter writer(out_);
  writer.write_u8(cname_item);
  writer.write_u8(static_cast<std::uint8_t>(name.size()));
  writer.write_bytes(as_bytes(name));
  writer.write_zeros(4 - (out_.size() - start) % 4);  // at least one: the end of the chunk
  end(start);
}

void RtcpBuilder::bye() {
  end(begin(bye_type, 1));
}

void RtcpBuilder::nack(Ssrc media, std::span<const std::uint16_t> sequences) {
  const std::size_t start = begin(transport_feedback_type, generic_nack_format);
  ByteWriter writer(out_);
  writer.write_u32(media.value());
  while (!sequences.empty()) {
    const std::uint16_t first = sequences.front();
    std::uint16_t mask = 0;
    std::size_t covered = 1;
    for (; covered < sequences.size(); ++covered) {
      const auto ahead = static_cast<std::uint16_t>(sequences[covered] - first);
      if (ahead == 0 || ahead > 16) break;
      mask = static_cast<std::uint16_t>(mask | 1u << (ahead - 1));
    }
    writer.write_u16(first);
    writer.write_u16(mask);
    sequences = sequences.subspan(covered);
  }
  end(start);
}

void RtcpBuilder::picture_loss(Ssrc media) {
  const std::size_t start = begin(payload_feedback_type, picture_loss_format);
  ByteWriter(out_).write_u32(media.value());
  end(start);
}

void RtcpBuilder::full_intra_request(Ssrc media, std::uint8_t number) {
  const std::size_t start = begin(payload_feedback_type, full_intra_format);
  ByteWriter writer(out_);
  writer.write_u32(0);  // RFC 5104 section 4.3.1.2: the media source field is unused
  writer.write_u32(media.value());
  writer.write_u8(number);
  writer.write_zeros(3);
  end(start);
}

void RtcpBuilder::transport_feedback(Ssrc media, Bytes body) {
  const std::size_t start = begin(transport_feedback_type, transport_wide_format);
  ByteWriter writer(out_);
  writer.write_u32(media.value());
  writer.write_bytes(body);
  if (const std::size_t rest = body.size() % 4; rest != 0) {
    // RFC 3550 section 6.4.1: the last byte counts the padding.
    writer.write_zeros(3 - rest);
    writer.write_u8(static_cast<std::uint8_t>(4 - rest));
    out_[start] |= 0x20;
  }
  end(start);
}

// Writes the first word, its length to come, and our SSRC.
std::size_t RtcpBuilder::begin(int type, std::size_t count) {
  const std::size_t start = out_.size();
  ByteWriter writer(out_);
  writer.write_u8(static_cast<std::uint8_t>(0x80 | count));
  writer.write_u8(static_cast<std::uint8_t>(type));
  writer.write_u16(0);
  writer.write_u32(sender_.value());
  return start;
}

void RtcpBuilder::end(std::size_t start) {
  // RFC 3550 section 6.4.1: in words, less one.
  ByteWriter(out_).patch_u16(start + 2, static_cast<std::uint16_t>((out_.size() - start) / 4 - 1));
}

void RtcpBuilder::write_blocks(std::span<const ReportBlock> blocks) {
  ByteWriter writer(out_);
  for (const ReportBlock& block : blocks) {
    writer.write_u32(block.source.value());
    writer.write_u8(block.fraction_lost);
    writer.write_u24(static_cast<std::uint32_t>(block.cumulative_lost) & 0xff'ffff);
    writer.write_u32(block.highest_sequence);
    writer.write_u32(block.jitter);
    writer.write_u32(block.last_sender_report);
    writer.write_u32(block.delay_since_last_sr);
  }
}

}  // namespace holdfast::rtp

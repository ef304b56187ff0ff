#include "codec/vp8.hpp"

#include <algorithm>

namespace holdfast::codec {

std::optional<Vp8Header> Vp8Header::parse(Bytes frame) {
  // RFC 6386 section 9.1: a tag of three bytes whose lowest bit is clear in key frames; those go on with a
  // start code and the size, fourteen bits each, little-endian.
  if (frame.size() < 3) return std::nullopt;
  if (frame[0] & 1) return Vp8Header{};
  if (frame.size() < 10 || load_u24(&frame[3]) != 0x9d012a) return std::nullopt;
  const int width = (frame[6] | frame[7] << 8) & 0x3fff;
  const int height = (frame[8] | frame[9] << 8) & 0x3fff;
  if (width == 0 || height == 0) return std::nullopt;
  return Vp8Header{media::Picture::key, width, height};
}

std::optional<Vp8Descriptor> Vp8Descriptor::parse(Bytes payload) {
  ByteReader reader(payload);
  const std::uint8_t first = reader.read_u8();
  if (first & 0x80) {  // X: extension bits I, L, T, K
    const std::uint8_t extension = reader.read_u8();
    if (extension & 0x80 && reader.read_u8() & 0x80) reader.skip(1);  // PictureID of seven or fifteen bits
    if (extension & 0x40) reader.skip(1);                             // TL0PICIDX
    if (extension & 0x30) reader.skip(1);                             // TID, KEYIDX
  }
  if (!reader.ok() || reader.remaining() == 0) return std::nullopt;
  return Vp8Descriptor{(first & 0x10) != 0 && (first & 0x07) == 0, reader.rest()};
}

Vp8Depacketizer::Vp8Depacketizer() {
  format_.codec = media::Codec::vp8;
}

void Vp8Depacketizer::push(const RtpPayload& payload, FrameSink& sink) {
  if (payload.payload.empty()) return sink.discard(Discard::empty, 1);
  const std::optional<Vp8Descriptor> descriptor = Vp8Descriptor::parse(payload.payload);
  const bool starts = descriptor && descriptor->starts_frame;
  if (packets_ > 0 && (payload.time != time_ || starts)) finish(sink);
  if (packets_++ == 0) {
    time_ = payload.time;
    memory_.take(frame_);
    if (!starts) broken_ = Discard::incomplete;
  }
  if (!descriptor || frame_.size() + descriptor->part.size() > max_frame_bytes) {
    broken_ = Discard::malformed;
  } else if (!broken_) {
    frame_.insert(frame_.end(), descriptor->part.begin(), descriptor->part.end());
  }
  if (payload.marker) finish(sink);
}

void Vp8Depacketizer::handle_loss(FrameSink&) {
  damage_ = media::Damage::reference_lost;
  if (packets_ > 0 && !broken_) broken_ = Discard::incomplete;
}

void Vp8Depacketizer::flush(FrameSink& sink) {
  if (packets_ == 0) return;
  if (!broken_) broken_ = Discard::incomplete;  // its marker never came
  finish(sink);
}

void Vp8Depacketizer::finish(FrameSink& sink) {
  const std::optional<Vp8Header> header = Vp8Header::parse(frame_);
  if (!broken_ && !header) broken_ = Discard::malformed;
  if (!broken_ && header->picture == media::Picture::delta && format_.width == 0)
    broken_ = Discard::no_key_frame;
  if (broken_) {
    damage_ = media::Damage::reference_lost;
    sink.discard(*broken_, packets_);
  } else {
    emit(*header, sink);
  }
  memory_.give_back(frame_);
  packets_ = 0;
  broken_.reset();
}

void Vp8Depacketizer::emit(const Vp8Header& header, FrameSink& sink) {
  if (header.picture == media::Picture::key) {
    format_.width = header.width;
    format_.height = header.height;
    damage_ = media::Damage::none;
  }
  sink.frame({.time = time_,
              .picture = header.picture,
              .damage = damage_,
              .packets = packets_,
              .width = format_.width,
              .height = format_.height,
              .payload = frame_});
}

void Vp8Packetizer::packetize(Bytes frame, PayloadSink& sink) {
  // X and I with M: a PictureID of fifteen bits. S only on the first.
  static constexpr std::size_t descriptor_size = 4;
  std::uint8_t first = 0x80 | 0x10;
  while (!frame.empty()) {
    const Bytes part = frame.first(std::min(frame.size(), max_payload_ - descriptor_size));
    frame = frame.subspan(part.size());
    buffer_.clear();
    ByteWriter writer(buffer_);
    writer.write_u8(first);
    writer.write_u8(0x80);
    writer.write_u16(static_cast<std::uint16_t>(0x8000 | picture_id_));
    writer.write_bytes(part);
    sink.payload(buffer_, frame.empty() ? Last::yes : Last::no);
    first = 0x80;
  }
  picture_id_ = (picture_id_ + 1) & 0x7fff;
}

}  // namespace holdfast::codec

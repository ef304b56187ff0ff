#pragma once

extern "C" {
#include <libavformat/avformat.h>
}

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/bytes.hpp"
#include "codec/h264_bitstream.hpp"
#include "media/frame.hpp"

namespace holdfast::recording {

// What another reader (libavformat) finds in the bytes of a media file.
struct MediaFile {
  struct Packet {
    media::Ticks pts = 0;
    bool key = false;
    ByteVector payload;
  };
  struct Track {
    AVCodecID codec = AV_CODEC_ID_NONE;
    int width = 0;
    std::vector<Packet> packets;

    media::Ticks longest_step() const {
      media::Ticks longest = 0;
      for (std::size_t i = 1; i < packets.size(); ++i) {
        longest = std::max(longest, packets[i].pts - packets[i - 1].pts);
      }
      return longest;
    }
  };

  std::vector<Track> tracks;
  const Track& video() const { return of(AVMEDIA_TYPE_VIDEO); }
  const Track& audio() const { return of(AVMEDIA_TYPE_AUDIO); }
  bool has(AVMediaType type) const {
    return std::ranges::any_of(tracks,
                               [&](const Track& track) { return avcodec_get_type(track.codec) == type; });
  }

 private:
  const Track& of(AVMediaType type) const {
    static const Track none;
    const auto found =
        std::ranges::find(tracks, type, [](const Track& track) { return avcodec_get_type(track.codec); });
    EXPECT_NE(found, tracks.end());
    return found == tracks.end() ? none : *found;
  }
};

inline MediaFile read_media_file(Bytes bytes) {
  constexpr int buffer_size = 1 << 16;
  Bytes rest = bytes;
  const auto read = [](void* opaque, std::uint8_t* to, int size) {
    Bytes& from = *static_cast<Bytes*>(opaque);
    if (from.empty()) return AVERROR_EOF;
    const Bytes head = from.first(std::min(from.size(), static_cast<std::size_t>(size)));
    std::ranges::copy(head, to);
    from = from.subspan(head.size());
    return static_cast<int>(head.size());
  };
  MediaFile file;
  AVFormatContext* context = avformat_alloc_context();
  auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
  AVIOContext* io = avio_alloc_context(buffer, buffer_size, 0, &rest, read, nullptr, nullptr);
  context->pb = io;
  const bool opened = avformat_open_input(&context, nullptr, nullptr, nullptr) == 0;
  EXPECT_TRUE(opened);
  if (opened && avformat_find_stream_info(context, nullptr) >= 0) {
    file.tracks.resize(context->nb_streams);
    AVPacket* packet = av_packet_alloc();
    while (av_read_frame(context, packet) >= 0) {
      const AVRational time_base = context->streams[packet->stream_index]->time_base;
      file.tracks[static_cast<std::size_t>(packet->stream_index)].packets.push_back(
          {av_rescale_q(packet->pts, time_base, {1, static_cast<int>(media::ticks_per_second)}),
           (packet->flags & AV_PKT_FLAG_KEY) != 0, ByteVector(packet->data, packet->data + packet->size)});
      av_packet_unref(packet);
    }
    av_packet_free(&packet);
    for (unsigned i = 0; i < context->nb_streams; ++i) {
      file.tracks[i].codec = context->streams[i]->codecpar->codec_id;
      file.tracks[i].width = context->streams[i]->codecpar->width;
    }
  }
  avformat_close_input(&context);
  av_freep(static_cast<void*>(&io->buffer));
  avio_context_free(&io);
  return file;
}

// The slices of an access unit: what is left of it in any container, whatever stands before them.
inline ByteVector picture_of(Bytes annex_b) {
  ByteVector slices;
  codec::NalReader nals(annex_b);
  while (const auto nal = nals.next()) {
    if (codec::is_slice(codec::nal_type(*nal))) slices.insert(slices.end(), nal->begin(), nal->end());
  }
  return slices;
}

inline std::vector<ByteVector> pictures_of(const MediaFile::Track& track) {
  std::vector<ByteVector> pictures;
  pictures.reserve(track.packets.size());
  for (const MediaFile::Packet& packet : track.packets) pictures.push_back(picture_of(packet.payload));
  return pictures;
}

inline std::vector<ByteVector> payloads_of(const MediaFile::Track& track) {
  std::vector<ByteVector> payloads;
  payloads.reserve(track.packets.size());
  for (const MediaFile::Packet& packet : track.packets) payloads.push_back(packet.payload);
  return payloads;
}

}  // namespace holdfast::recording

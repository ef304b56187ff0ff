#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
}

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "codec/h264_bitstream.hpp"
#include "container/muxer.hpp"

// Small real streams for tests, made on the spot by libav's encoders: a moving picture and a tone.
namespace holdfast::container::test {

using media::Codec;
using media::Ticks;

struct OwnedFrame {
  media::Frame frame;
  ByteVector bytes;

  media::Frame view() const {
    media::Frame copy = frame;
    copy.payload = bytes;
    return copy;
  }
};

struct Stream {
  media::TrackFormat format;
  std::vector<OwnedFrame> frames;
};

struct EncoderDeleter {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
using Context = std::unique_ptr<AVCodecContext, EncoderDeleter>;
using Picture = std::unique_ptr<AVFrame, EncoderDeleter>;
using Packet = std::unique_ptr<AVPacket, EncoderDeleter>;

inline Context open_encoder(const char* name, const auto& setup) {
  av_log_set_level(AV_LOG_ERROR);
  const AVCodec* const codec = avcodec_find_encoder_by_name(name);
  if (codec == nullptr) {
    ADD_FAILURE() << "libavcodec has no encoder " << name;
    return nullptr;
  }
  Context context(avcodec_alloc_context3(codec));
  context->thread_count = 1;
  setup(*context);
  EXPECT_GE(avcodec_open2(context.get(), codec, nullptr), 0) << name;
  return context;
}

// Sends a frame (or the end) and keeps what comes out, its times moved so that the stream begins at 1 s.
inline void encode(AVCodecContext& context, AVFrame* input, Stream& stream, Ticks unit) {
  Packet packet(av_packet_alloc());
  ASSERT_GE(avcodec_send_frame(&context, input), 0);
  while (avcodec_receive_packet(&context, packet.get()) >= 0) {
    OwnedFrame out;
    out.frame.codec = stream.format.codec;
    out.frame.pts = media::ticks_per_second + packet->pts * unit;
    out.frame.dts = media::ticks_per_second + packet->dts * unit;
    out.frame.duration = stream.format.kind() == media::Kind::audio ? packet->duration * unit : 0;
    out.frame.picture = (packet->flags & AV_PKT_FLAG_KEY) != 0 ? media::Picture::key : media::Picture::delta;
    out.frame.packets = 1;
    out.bytes.assign(packet->data, packet->data + packet->size);
    stream.frames.push_back(std::move(out));
  }
}

enum class Reordering : bool { no, yes };
struct VideoOptions {
  int count = 60;
  int key_every = 30;
  int width = 160;
  int height = 120;
  Reordering reordering = Reordering::no;
};

inline void paint(AVFrame& frame, int number) {
  for (int plane = 0; plane < 3; ++plane) {
    const int width = plane == 0 ? frame.width : frame.width / 2;
    const int height = plane == 0 ? frame.height : frame.height / 2;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        frame.data[plane][y * frame.linesize[plane] + x] =
            static_cast<std::uint8_t>(x * 2 + y * (plane + 1) + number * 5);
      }
    }
  }
}

// 30 frames a second.
inline Stream encode_video(Codec codec, const VideoOptions& options = {}) {
  constexpr Ticks unit = 3000;
  Stream stream;
  stream.format = {codec, options.width, options.height, 0, 0, {}};
  const Context context = open_encoder(codec == Codec::h264 ? "libx264" : "libvpx", [&](AVCodecContext& it) {
    it.width = options.width;
    it.height = options.height;
    it.pix_fmt = AV_PIX_FMT_YUV420P;
    it.time_base = {1, 30};
    it.gop_size = options.key_every;
    it.max_b_frames = options.reordering == Reordering::yes ? 2 : 0;
    it.bit_rate = 300'000;
    if (codec == Codec::vp8) {
      av_opt_set(it.priv_data, "deadline", "realtime", 0);
      av_opt_set(it.priv_data, "cpu-used", "8", 0);
      return;
    }
    av_opt_set(it.priv_data, "preset", "ultrafast", 0);
    av_opt_set(it.priv_data, "tune", options.reordering == Reordering::yes ? "psnr" : "zerolatency", 0);
    if (options.reordering == Reordering::yes) {
      av_opt_set(it.priv_data, "x264-params", "bframes=2:b-adapt=0", 0);
    }
  });
  Picture picture(av_frame_alloc());
  picture->width = options.width;
  picture->height = options.height;
  picture->format = AV_PIX_FMT_YUV420P;
  av_frame_get_buffer(picture.get(), 0);
  for (int number = 0; number < options.count; ++number) {
    av_frame_make_writable(picture.get());
    paint(*picture, number);
    picture->pts = number;
    encode(*context, picture.get(), stream, unit);
  }
  encode(*context, nullptr, stream, unit);
  if (codec != Codec::h264) return stream;
  codec::NalReader nals(stream.frames.at(0).bytes);
  while (const auto nal = nals.next()) {
    const codec::NalType type = codec::nal_type(*nal);
    if (type == codec::NalType::sps || type == codec::NalType::pps) {
      codec::append_annex_b(*nal, stream.format.config);
    }
  }
  return stream;
}

// A stereo tone of 440 Hz at 48 kHz, in frames of 20 ms (Opus) or 1,024 samples (AAC).
inline Stream encode_audio(Codec codec, double seconds = 2) {
  Stream stream;
  stream.format = {codec, 0, 0, 48'000, 2, {}};
  if (codec == Codec::aac) stream.format.config = {0x11, 0x90};
  const bool opus = codec == Codec::opus;
  const Context context = open_encoder(opus ? "libopus" : "aac", [&](AVCodecContext& it) {
    it.sample_rate = 48'000;
    it.sample_fmt = opus ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP;
    it.time_base = {1, 48'000};
    it.bit_rate = opus ? 64'000 : 128'000;
    av_channel_layout_default(&it.ch_layout, 2);
  });
  Picture sound(av_frame_alloc());
  sound->nb_samples = context->frame_size;
  sound->format = context->sample_fmt;
  sound->sample_rate = 48'000;
  av_channel_layout_default(&sound->ch_layout, 2);
  av_frame_get_buffer(sound.get(), 0);
  const int frames = static_cast<int>(seconds * 48'000 / context->frame_size);
  std::int64_t sample = 0;
  for (int number = 0; number < frames; ++number) {
    av_frame_make_writable(sound.get());
    sound->pts = sample;
    for (int i = 0; i < context->frame_size; ++i, ++sample) {
      const auto value = static_cast<float>(
          0.25 * std::sin(static_cast<double>(sample) * 440 * 2 * std::numbers::pi / 48'000));
      for (std::size_t channel = 0; channel < 2; ++channel) {
        if (opus) {
          reinterpret_cast<float*>(sound->data[0])[static_cast<std::size_t>(i) * 2 + channel] = value;
        } else {
          reinterpret_cast<float*>(sound->data[channel])[i] = value;
        }
      }
    }
    encode(*context, sound.get(), stream, 1);
  }
  // Times came out in samples.
  for (OwnedFrame& out : stream.frames) {
    const Ticks samples = out.frame.pts - media::ticks_per_second;
    out.frame.pts = out.frame.dts = media::ticks_per_second + samples * 15 / 8;
    out.frame.duration = out.frame.duration * 15 / 8;
    out.frame.picture = media::Picture::key;
  }
  return stream;
}

// Several tracks as a recording has them: frames in the order of their DTS, each with its track.
struct Recording {
  std::vector<media::TrackFormat> formats;
  std::vector<OwnedFrame> frames;

  void shift(Ticks by, Ticks from = 0) {
    for (OwnedFrame& owned : frames) {
      if (owned.frame.dts < from) continue;
      owned.frame.pts += by;
      owned.frame.dts += by;
    }
  }
  void sort() {
    std::ranges::stable_sort(frames, {}, [](const OwnedFrame& owned) { return owned.frame.dts; });
  }
  std::size_t count(Codec codec) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(frames, [&](const OwnedFrame& owned) { return owned.frame.codec == codec; }));
  }
};

inline Recording combine(std::vector<Stream> streams) {
  Recording recording;
  for (Stream& stream : streams) {
    for (OwnedFrame& owned : stream.frames) {
      owned.frame.track = static_cast<media::TrackIndex>(recording.formats.size());
      recording.frames.push_back(std::move(owned));
    }
    recording.formats.push_back(std::move(stream.format));
  }
  recording.sort();
  return recording;
}

// What was written up to the end of each frame.
struct Muxed {
  ByteVector bytes;
  std::vector<std::size_t> ends;
};

inline Muxed mux(Format format, const Recording& recording) {
  Muxed muxed;
  auto muxer = make_muxer(format, recording.formats);
  if (!muxer) {
    ADD_FAILURE() << muxer.error().message;
    return muxed;
  }
  for (const OwnedFrame& owned : recording.frames) {
    const auto written = (*muxer)->write(owned.view(), muxed.bytes);
    EXPECT_TRUE(written) << written.error().message;
    muxed.ends.push_back(muxed.bytes.size());
  }
  EXPECT_TRUE((*muxer)->finish(muxed.bytes));
  return muxed;
}

}  // namespace holdfast::container::test

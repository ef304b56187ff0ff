#include "transcode/opus_to_aac.hpp"

#include <gmock/gmock.h>
#include <opus.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "base/random.hpp"
#include "codec/opus.hpp"
#include "transcode/silence.hpp"

namespace holdfast::transcode {
namespace {

using media::Ticks;
using media::ticks_per_second;
using testing::IsEmpty;

constexpr int rate = 48'000;
constexpr std::size_t rate_size = 48'000;
constexpr Ticks packet_ticks = 1800;  // 20 ms
constexpr std::size_t packet_samples = 960;

// A sound as a function of the sample's number.
using Sound = std::function<double(std::size_t)>;

double tone(std::size_t sample) {
  return 0.3 * std::sin(static_cast<double>(sample) * 440 * 2 * std::numbers::pi / rate);
}
// A millisecond of noise-like burst at `at` seconds, silence elsewhere.
Sound click(double at) {
  const auto begin = static_cast<std::size_t>(at * rate);
  return [begin](std::size_t sample) {
    const std::size_t in = sample - begin;
    return sample >= begin && in < 48 ? 0.9 * std::sin(static_cast<double>(in) * std::numbers::pi / 4) : 0.0;
  };
}

struct Packet {
  Ticks pts;
  ByteVector bytes;
};

class OpusSource {
 public:
  explicit OpusSource(int channels = 2) : channels_(channels) {
    int status = 0;
    encoder_.reset(opus_encoder_create(rate, channels, OPUS_APPLICATION_AUDIO, &status));
    EXPECT_EQ(status, OPUS_OK);
    av_log_set_level(AV_LOG_ERROR);
    opus_encoder_ctl(encoder_.get(), OPUS_SET_BITRATE(96'000));
  }
  // A packet every 20 ms from PTS 1 s.
  std::vector<Packet> encode(const Sound& sound, std::size_t count) {
    std::vector<Packet> packets;
    for (std::size_t number = 0; number < count; ++number) {
      std::vector<float> samples;
      for (std::size_t i = 0; i < packet_samples; ++i) {
        samples.insert(samples.end(), static_cast<std::size_t>(channels_),
                       static_cast<float>(sound(number * packet_samples + i)));
      }
      ByteVector bytes(1500);
      const int size = opus_encode_float(encoder_.get(), samples.data(), packet_samples, bytes.data(), 1500);
      bytes.resize(static_cast<std::size_t>(std::max(size, 0)));
      packets.push_back({ticks_per_second + static_cast<Ticks>(number) * packet_ticks, std::move(bytes)});
    }
    return packets;
  }

 private:
  struct Deleter {
    void operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }
  };
  int channels_;
  std::unique_ptr<OpusEncoder, Deleter> encoder_;
};

// The first channel on the timeline, a sample each 1/48,000 s from PTS 0.
using Heard = std::vector<float>;

void put(Heard& heard, Ticks pts, const float* samples, std::size_t count, std::size_t stride) {
  const auto at = static_cast<std::size_t>((pts * 8 + 7) / 15);
  if (heard.size() < at + count) heard.resize(at + count);
  for (std::size_t i = 0; i < count; ++i) heard[at + i] = samples[i * stride];
}

Heard hear_opus(const std::vector<Packet>& packets) {
  int status = 0;
  OpusDecoder* const decoder = opus_decoder_create(rate, 2, &status);
  Heard heard;
  for (const Packet& packet : packets) {
    std::vector<float> samples(5760UL * 2);
    const int count = opus_decode_float(decoder, packet.bytes.data(), static_cast<int>(packet.bytes.size()),
                                        samples.data(), 5760, 0);
    EXPECT_GT(count, 0);
    put(heard, packet.pts, samples.data(), static_cast<std::size_t>(count), 2);
  }
  opus_decoder_destroy(decoder);
  return heard;
}

Heard hear_aac(const std::vector<AacFrame>& frames, int channels = 2) {
  const AVCodec* const codec = avcodec_find_decoder(AV_CODEC_ID_AAC);
  AVCodecContext* context = avcodec_alloc_context3(codec);
  const ByteVector config = OpusToAac::output_format(channels).config;
  context->extradata = static_cast<std::uint8_t*>(av_mallocz(config.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  std::ranges::copy(config, context->extradata);
  context->extradata_size = static_cast<int>(config.size());
  EXPECT_GE(avcodec_open2(context, codec, nullptr), 0);
  AVPacket* packet = av_packet_alloc();
  AVFrame* sound = av_frame_alloc();
  Heard heard;
  for (const AacFrame& frame : frames) {
    ByteVector padded = frame.payload;
    padded.resize(padded.size() + AV_INPUT_BUFFER_PADDING_SIZE);
    packet->data = padded.data();
    packet->size = static_cast<int>(frame.payload.size());
    EXPECT_GE(avcodec_send_packet(context, packet), 0);
    while (avcodec_receive_frame(context, sound) >= 0) {
      EXPECT_EQ(sound->nb_samples, AacFrame::samples);
      EXPECT_EQ(sound->ch_layout.nb_channels, channels);
      put(heard, frame.pts, reinterpret_cast<const float*>(sound->data[0]), AacFrame::samples, 1);
    }
  }
  av_frame_free(&sound);
  av_packet_free(&packet);
  avcodec_free_context(&context);
  return heard;
}

// Milliseconds from PTS 0 to the loudest sample between two seconds.
double loudest(const Heard& heard, double from, double to) {
  const auto begin = heard.begin() + static_cast<std::ptrdiff_t>(from * rate);
  const auto end = heard.begin() + static_cast<std::ptrdiff_t>(
                                       std::min<double>(to * rate, static_cast<double>(heard.size())));
  const auto most = std::max_element(begin, end, [](float a, float b) { return std::abs(a) < std::abs(b); });
  return static_cast<double>(most - heard.begin()) * 1000 / rate;
}

// By how many samples `out` lies after `in` between two seconds: where they fit best.
int lag(const Heard& in, const Heard& out, double from, double to) {
  const auto begin = static_cast<std::ptrdiff_t>(from * rate);
  const auto end = static_cast<std::ptrdiff_t>(to * rate);
  int best = 0;
  double best_fit = 0;
  for (int shift = -200; shift <= 200; ++shift) {
    double fit = 0;
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const auto other = static_cast<std::size_t>(i + shift);
      if (other < out.size()) {
        fit += static_cast<double>(in[static_cast<std::size_t>(i)]) * static_cast<double>(out[other]);
      }
    }
    if (fit > best_fit) {
      best_fit = fit;
      best = shift;
    }
  }
  EXPECT_GT(best_fit, 0);
  return best;
}

double loudness(const Heard& heard, double from, double to) {
  double sum = 0;
  const auto end = std::min(static_cast<std::size_t>(to * rate), heard.size());
  const auto begin = static_cast<std::size_t>(from * rate);
  for (std::size_t i = begin; i < end; ++i) {
    sum += static_cast<double>(heard[i]) * static_cast<double>(heard[i]);
  }
  return std::sqrt(sum / static_cast<double>(end - begin));
}

class OpusToAacTest : public testing::Test {
 protected:
  void open(int channels = 2) {
    auto made = OpusToAac::create(channels);
    ASSERT_TRUE(made) << made.error().message;
    stage_ = std::move(*made);
  }
  void push(const Packet& packet) { ASSERT_TRUE(stage_->push(packet.pts, packet.bytes, frames_)); }
  void push(const std::vector<Packet>& packets) {
    for (const Packet& packet : packets) push(packet);
  }
  void flush() { ASSERT_TRUE(stage_->flush(frames_)); }
  void expect_rising_times() const {
    for (std::size_t i = 1; i < frames_.size(); ++i) ASSERT_GT(frames_[i].pts, frames_[i - 1].pts);
  }

  std::unique_ptr<OpusToAac> stage_;
  std::vector<AacFrame> frames_;
};

TEST_F(OpusToAacTest, ASoundComesOutAtTheTimeItWentIn) {
  for (const double at : {0.5, 0.7131, 1.23456}) {
    const auto packets = OpusSource().encode(click(at), 100);
    open();
    frames_.clear();
    push(packets);
    flush();
    const Heard in = hear_opus(packets);
    EXPECT_NEAR(loudest(in, 1, 3), 1000 + at * 1000, 8);  // the Opus encoder looks 6.5 ms ahead
    EXPECT_EQ(lag(in, hear_aac(frames_), at + 0.98, at + 1.04), 0);
    expect_rising_times();
  }
}

TEST_F(OpusToAacTest, FramesFollowEachOtherWithoutAHole) {
  open();
  push(OpusSource().encode(tone, 100));
  flush();
  ASSERT_THAT(frames_, testing::SizeIs(1 + 94));  // the run-in, and 96,000 samples
  EXPECT_EQ(frames_.front().pts, ticks_per_second - AacFrame::duration);
  for (std::size_t i = 1; i < frames_.size(); ++i) {
    EXPECT_EQ(frames_[i].pts - frames_[i - 1].pts, AacFrame::duration);
  }
}

TEST_F(OpusToAacTest, LagsByNoMoreThanTwoFrames) {
  open();
  for (const Packet& packet : OpusSource().encode(tone, 100)) {
    push(packet);
    const Ticks out =
        frames_.empty() ? ticks_per_second - AacFrame::duration : frames_.back().pts + AacFrame::duration;
    EXPECT_LE(packet.pts + packet_ticks - out, 3 * AacFrame::duration);
  }
}

TEST_F(OpusToAacTest, SoundsLikeWhatItWasMadeOf) {
  const auto packets = OpusSource().encode(tone, 100);
  open();
  push(packets);
  flush();
  const Heard in = hear_opus(packets);
  Heard difference = hear_aac(frames_);
  for (std::size_t i = 0; i < in.size(); ++i) difference[i] -= in[i];
  EXPECT_LT(loudness(difference, 1.2, 2.8), loudness(in, 1.2, 2.8) / 50);
}

TEST_F(OpusToAacTest, AHoleStaysAHoleAndWhatFollowsIsInItsPlace) {
  for (const Ticks hole : {Ticks{90} * 61, Ticks{90} * 200, 30 * ticks_per_second + 1234}) {
    auto packets =
        OpusSource().encode([](std::size_t sample) { return click(0.3)(sample) + click(0.9)(sample); }, 60);
    for (Packet& packet : packets) {
      if (packet.pts >= ticks_per_second * 16 / 10) packet.pts += hole;
    }
    open();
    frames_.clear();
    push(packets);
    flush();
    expect_rising_times();
    EXPECT_EQ(stage_->counters().restarts, 1U);
    EXPECT_EQ(stage_->counters().concealed, 0U);
    const double moved = static_cast<double>(hole) / ticks_per_second;
    const Heard in = hear_opus(packets);
    const Heard out = hear_aac(frames_);
    EXPECT_EQ(lag(in, out, 1.28, 1.34), 0);
    EXPECT_EQ(lag(in, out, 1.88 + moved, 1.94 + moved), 0);
    Ticks end = 0;
    for (const AacFrame& frame : frames_) {
      EXPECT_GE(frame.pts, end);
      end = frame.pts + AacFrame::duration;
    }
  }
}

TEST_F(OpusToAacTest, ALostPacketIsNotHeardAsSilence) {
  auto packets = OpusSource().encode(tone, 100);
  const Heard whole = hear_opus(packets);
  packets.erase(packets.begin() + 50);
  packets.erase(packets.begin() + 70, packets.begin() + 72);
  open();
  push(packets);
  flush();
  EXPECT_EQ(stage_->counters().concealed, 3 * packet_samples);
  EXPECT_EQ(stage_->counters().restarts, 0U);
  for (std::size_t i = 1; i < frames_.size(); ++i) {
    EXPECT_EQ(frames_[i].pts - frames_[i - 1].pts, AacFrame::duration);
  }
  const Heard out = hear_aac(frames_);
  EXPECT_GT(loudness(out, 2.0, 2.02), loudness(whole, 2.0, 2.02) / 2);
  // No jump from sample to sample that a tone of 440 Hz would not make.
  float jump = 0;
  for (std::size_t i = rate_size * 19 / 10; i < rate_size * 26 / 10; ++i) {
    jump = std::max(jump, std::abs(out[i] - out[i - 1]));
  }
  EXPECT_LT(jump, 0.1F);
}

TEST_F(OpusToAacTest, FollowsTheTimelineWhenItSlews) {
  for (const Ticks slew : {Ticks{-9}, Ticks{9}}) {  // 5 ms a second
    auto packets = OpusSource().encode(click(1.5), 100);
    for (std::size_t i = 0; i < packets.size(); ++i) packets[i].pts += slew * static_cast<Ticks>(i);
    open();
    frames_.clear();
    push(packets);
    flush();
    expect_rising_times();
    EXPECT_EQ(stage_->counters().concealed + stage_->counters().overlapping + stage_->counters().restarts,
              0U);
    EXPECT_NEAR(lag(hear_opus(packets), hear_aac(frames_), 2.47, 2.55), 0, 24);  // half a millisecond
  }
}

TEST_F(OpusToAacTest, TimeAlreadyCoveredIsLeftOut) {
  auto packets = OpusSource().encode(tone, 100);
  for (std::size_t i = 50; i < packets.size(); ++i) packets[i].pts -= packet_ticks / 2 * 5;
  open();
  push(packets);
  flush();
  expect_rising_times();
  EXPECT_EQ(stage_->counters().overlapping, 3U);
  EXPECT_LE(frames_.back().pts, packets.back().pts + packet_ticks);
}

TEST_F(OpusToAacTest, KeepsItsChannelsWhateverThePacketsHave) {
  auto packets = OpusSource(2).encode(tone, 60);
  const auto mono = OpusSource(1).encode(tone, 60);
  for (std::size_t i = 20; i < 40; ++i) packets[i].bytes = mono[i].bytes;
  for (const int channels : {1, 2}) {
    open(channels);
    frames_.clear();
    push(packets);
    flush();
    const Heard heard = hear_aac(frames_, channels);
    EXPECT_NEAR(loudness(heard, 1.5, 1.7), loudness(heard, 1.1, 1.3), 0.02);
  }
}

TEST_F(OpusToAacTest, SilenceOfOpusGoesThrough) {
  auto packets = OpusSource().encode(tone, 60);
  for (std::size_t i = 20; i < 40; ++i) {
    const Bytes silent = silence(media::Codec::opus, 2);
    packets[i].bytes.assign(silent.begin(), silent.end());
  }
  open();
  push(packets);
  flush();
  const Heard heard = hear_aac(frames_);
  EXPECT_LT(loudness(heard, 1.5, 1.7), 0.001);
  EXPECT_GT(loudness(heard, 1.9, 2.1), 0.1);
}

TEST_F(OpusToAacTest, CountsBrokenPacketsAndGoesOn) {
  constexpr std::uint64_t seed = 3;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  SeededRandom random(seed);
  auto packets = OpusSource().encode(tone, 400);
  for (Packet& packet : packets) {
    if (random.below(3) != 0) continue;
    packet.bytes.resize(random.below(200));
    random.fill(packet.bytes);
  }
  open();
  push(packets);
  flush();
  expect_rising_times();
  EXPECT_EQ(stage_->counters().packets, 400U);
  EXPECT_GT(stage_->counters().malformed, 0U);
  EXPECT_LE(frames_.back().pts, packets.back().pts + ticks_per_second / 5);
  hear_aac(frames_);
}

TEST_F(OpusToAacTest, StartsWithAnythingBroken) {
  open();
  ASSERT_TRUE(stage_->push(ticks_per_second, {}, frames_));
  ASSERT_TRUE(stage_->flush(frames_));
  EXPECT_THAT(frames_, IsEmpty());
}

TEST(Silence, OfAacIsQuietAmongOtherFrames) {
  for (const int channels : {1, 2}) {
    auto stage = OpusToAac::create(channels);
    ASSERT_TRUE(stage);
    std::vector<AacFrame> frames;
    for (const Packet& packet : OpusSource().encode(tone, 50)) {
      ASSERT_TRUE((*stage)->push(packet.pts, packet.bytes, frames));
    }
    ASSERT_TRUE((*stage)->flush(frames));
    const Bytes silent = silence(media::Codec::aac, channels);
    EXPECT_LT(silent.size(), 30U);
    for (int i = 0; i < 20; ++i) {
      frames.push_back({frames.back().pts + silence_duration(media::Codec::aac),
                        ByteVector(silent.begin(), silent.end())});
    }
    const Heard heard = hear_aac(frames, channels);
    EXPECT_GT(loudness(heard, 1.5, 1.9), 0.1);
    EXPECT_LT(loudness(heard, 2.1, 2.4), 0.0001);
  }
  EXPECT_EQ(silence_duration(media::Codec::aac), AacFrame::duration);
  EXPECT_EQ(silence_duration(media::Codec::opus), packet_ticks);
}

TEST(OpusToAacCreation, TakesOneOrTwoChannels) {
  EXPECT_FALSE(OpusToAac::create(0));
  EXPECT_FALSE(OpusToAac::create(6));
}

}  // namespace
}  // namespace holdfast::transcode

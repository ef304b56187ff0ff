#include "publish/source.hpp"

#include <gtest/gtest.h>

extern "C" {
#include <libavformat/avformat.h>
}

#include <filesystem>
#include <map>

#include "codec/h264_bitstream.hpp"

namespace holdfast::publish {
namespace {

using namespace std::chrono_literals;
using media::Codec;

SyntheticSettings small_synthetic() {
  return {
      .video = VideoSettings{.width = 160, .height = 90, .frames_per_second = 30, .bits_per_second = 100'000},
      .audio = true};
}

std::vector<EncodedFrame> take(Source& source, int count) {
  std::vector<EncodedFrame> frames;
  for (int i = 0; i < count; ++i) frames.push_back(source.next(media::Picture::delta, {}).value());
  return frames;
}

TEST(SyntheticSource, GivesBothTracksInTheOrderOfTheirTimes) {
  const auto source = open_synthetic_source(small_synthetic()).value();
  EXPECT_EQ(source->video(), Codec::h264);
  EXPECT_EQ(source->audio(), Codec::opus);
  std::map<Codec, int> counts;
  media::Ticks last = 0;
  for (const EncodedFrame& frame : take(*source, 80)) {
    EXPECT_GE(frame.time, last);
    last = frame.time;
    ++counts[frame.codec];
  }
  EXPECT_EQ(last, media::ticks_per_second - 1800);
  EXPECT_EQ(counts[Codec::h264], 30);
  EXPECT_EQ(counts[Codec::opus], 50);
}

TEST(SyntheticSource, MayBeOfOneTrackAlone) {
  SyntheticSettings settings = small_synthetic();
  settings.audio = false;
  for (const EncodedFrame& frame : take(*open_synthetic_source(settings).value(), 5))
    EXPECT_EQ(frame.codec, Codec::h264);
  settings = {.video = std::nullopt, .audio = true};
  for (const EncodedFrame& frame : take(*open_synthetic_source(settings).value(), 5))
    EXPECT_EQ(frame.codec, Codec::opus);
  settings.audio = false;
  EXPECT_EQ(open_synthetic_source(settings).error().code, ErrorCode::invalid);
}

TEST(SyntheticSource, HonoursAKeyFrameRequest) {
  SyntheticSettings settings = small_synthetic();
  settings.audio = false;
  settings.video->keyframe_interval = 0s;
  const auto source = open_synthetic_source(settings).value();
  take(*source, 5);
  EXPECT_EQ(source->next(media::Picture::delta, {}).value().picture, media::Picture::delta);
  EXPECT_EQ(source->next(media::Picture::key, {}).value().picture, media::Picture::key);
  EXPECT_EQ(source->next(media::Picture::delta, {}).value().picture, media::Picture::delta);
}

// A media file of one second, made of the synthetic source.
class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() : path_(testing::TempDir() + "holdfast_file_source_test.mkv") { write(); }
  ~FileSourceTest() override { std::filesystem::remove(path_); }

  void write() {
    AVFormatContext* context = nullptr;
    ASSERT_GE(avformat_alloc_output_context2(&context, nullptr, "matroska", path_.c_str()), 0);
    const auto source = open_synthetic_source(small_synthetic()).value();
    written_ = take(*source, 80);
    add_stream(context, AV_CODEC_ID_H264, AVMEDIA_TYPE_VIDEO);
    add_stream(context, AV_CODEC_ID_OPUS, AVMEDIA_TYPE_AUDIO);
    ASSERT_GE(avio_open(&context->pb, path_.c_str(), AVIO_FLAG_WRITE), 0);
    ASSERT_GE(avformat_write_header(context, nullptr), 0);
    for (const EncodedFrame& frame : written_) write(context, frame);
    ASSERT_GE(av_write_trailer(context), 0);
    avio_closep(&context->pb);
    avformat_free_context(context);
  }
  void add_stream(AVFormatContext* context, AVCodecID codec, AVMediaType type) {
    AVStream* stream = avformat_new_stream(context, nullptr);
    stream->codecpar->codec_id = codec;
    stream->codecpar->codec_type = type;
    stream->codecpar->width = 160;
    stream->codecpar->height = 90;
    stream->codecpar->sample_rate = 48'000;
    av_channel_layout_default(&stream->codecpar->ch_layout, 2);
    if (type == AVMEDIA_TYPE_AUDIO) return;
    // Annex B as it is: Matroska gets the length-prefixed form from it.
    const ByteVector& first = written_.front().payload;
    stream->codecpar->extradata =
        static_cast<std::uint8_t*>(av_mallocz(first.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    std::ranges::copy(first, stream->codecpar->extradata);
    stream->codecpar->extradata_size = static_cast<int>(first.size());
  }
  void write(AVFormatContext* context, const EncodedFrame& frame) {
    const bool video = frame.codec == Codec::h264;
    AVPacket* packet = av_packet_alloc();
    ASSERT_GE(av_new_packet(packet, static_cast<int>(frame.payload.size())), 0);
    std::ranges::copy(frame.payload, packet->data);
    packet->stream_index = video ? 0 : 1;
    const AVRational time_base = context->streams[packet->stream_index]->time_base;
    packet->pts = packet->dts = av_rescale_q(frame.time, {1, 90'000}, time_base);
    packet->duration = av_rescale_q(video ? 3000 : 1800, {1, 90'000}, time_base);
    if (frame.picture == media::Picture::key) packet->flags |= AV_PKT_FLAG_KEY;
    EXPECT_GE(av_interleaved_write_frame(context, packet), 0);
    av_packet_free(&packet);
  }

  std::string path_;
  std::vector<EncodedFrame> written_;
};

std::vector<ByteVector> slices(Bytes annex_b) {
  std::vector<ByteVector> found;
  codec::NalReader nals(annex_b);
  while (const auto nal = nals.next()) {
    if (codec::is_slice(codec::nal_type(*nal))) found.emplace_back(nal->begin(), nal->end());
  }
  return found;
}

TEST_F(FileSourceTest, GivesTheFilesFramesAsTheyAre) {
  const auto source = open_file_source(path_).value();
  EXPECT_EQ(source->video(), Codec::h264);
  EXPECT_EQ(source->audio(), Codec::opus);
  std::map<Codec, std::vector<EncodedFrame>> expected;
  std::map<Codec, std::vector<EncodedFrame>> read;
  for (EncodedFrame& frame : written_) expected[frame.codec].push_back(frame);
  for (EncodedFrame& frame : take(*source, 80)) read[frame.codec].push_back(frame);
  ASSERT_EQ(read[Codec::h264].size(), 30u);
  ASSERT_EQ(read[Codec::opus].size(), 50u);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(slices(read[Codec::h264][i].payload), slices(expected[Codec::h264][i].payload));
    EXPECT_NEAR(static_cast<double>(read[Codec::h264][i].time),
                static_cast<double>(expected[Codec::h264][i].time), 90);
  }
  EXPECT_EQ(read[Codec::h264].front().picture, media::Picture::key);
  for (std::size_t i = 0; i < 50; ++i)
    EXPECT_EQ(read[Codec::opus][i].payload, expected[Codec::opus][i].payload);
}

TEST_F(FileSourceTest, BeginsAgainAtTheEndWithTimeGoingOn) {
  const auto source = open_file_source(path_).value();
  std::map<Codec, media::Ticks> last{{Codec::h264, -1}, {Codec::opus, -1}};
  int keys = 0;
  for (const EncodedFrame& frame : take(*source, 240)) {
    EXPECT_GT(frame.time, last[frame.codec]);
    last[frame.codec] = frame.time;
    keys += frame.codec == Codec::h264 && frame.picture == media::Picture::key;
  }
  EXPECT_EQ(keys, 3);
  EXPECT_NEAR(static_cast<double>(last[Codec::opus]), 3.0 * media::ticks_per_second,
              0.05 * media::ticks_per_second);
}

TEST(FileSource, SaysWhatIsWrongWithAFile) {
  EXPECT_EQ(open_file_source("/nowhere/at/all.mkv").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace holdfast::publish

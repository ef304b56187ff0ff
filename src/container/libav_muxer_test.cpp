#include "container/libav_muxer.hpp"

#include <gmock/gmock.h>

#include "container/test_demux.hpp"
#include "container/test_judges.hpp"
#include "container/test_media.hpp"

namespace holdfast::container::test {
namespace {

using testing::IsEmpty;

constexpr Ticks second_of_time = media::ticks_per_second;

class Libav : public JudgedTest {
 protected:
  static Recording picture_and_sound(Codec video, Codec audio, int seconds = 2) {
    return combine({encode_video(video, {.count = 30 * seconds}), encode_audio(audio, seconds)});
  }
};

TEST_F(Libav, MatroskaDecodesWithoutAWord) {
  for (const auto& [video, audio] : {std::pair(Codec::h264, Codec::opus), std::pair(Codec::vp8, Codec::opus),
                                     std::pair(Codec::h264, Codec::aac)}) {
    const Recording recording = picture_and_sound(video, audio);
    const std::string file = save("a.mkv", mux(Format::mkv, recording).bytes);
    EXPECT_EQ(decode(file), "");
    EXPECT_EQ(probe(file, "v:0").at("nb_read_packets"), std::to_string(recording.count(video)));
    EXPECT_EQ(probe(file, "a:0").at("nb_read_packets"), std::to_string(recording.count(audio)));
    EXPECT_EQ(probe(file, "v:0").at("width"), "160");
  }
}

TEST_F(Libav, MatroskaHasEveryFrameOutWhenItIsWritten) {
  const Recording recording = picture_and_sound(Codec::vp8, Codec::opus, 1);
  const Muxed muxed = mux(Format::mkv, recording);
  std::size_t frames[2] = {};
  for (std::size_t i = 0; i < muxed.ends.size(); ++i) {
    ++frames[recording.frames[i].frame.track];
    const Found found = demux(Bytes(muxed.bytes).first(muxed.ends[i]));
    ASSERT_EQ(found.of[0].size(), frames[0]) << "after frame " << i;
    ASSERT_EQ(found.of[1].size(), frames[1]) << "after frame " << i;
  }
  const Found found = demux(muxed.bytes);
  std::size_t next[2] = {};
  for (const OwnedFrame& owned : recording.frames) {
    const std::size_t track = owned.frame.track;
    ASSERT_EQ(found.of[track][next[track]].bytes.size(), owned.bytes.size());
    // Matroska counts milliseconds.
    ASSERT_NEAR(static_cast<double>(found.of[track][next[track]].pts), static_cast<double>(owned.frame.pts),
                90);
    ++next[track];
  }
}

TEST_F(Libav, MatroskaAddsLittleToAFrame) {
  const Recording recording = picture_and_sound(Codec::h264, Codec::opus);
  std::size_t media_bytes = 0;
  for (const OwnedFrame& owned : recording.frames) media_bytes += owned.bytes.size();
  EXPECT_LT(mux(Format::mkv, recording).bytes.size(), media_bytes + recording.frames.size() * 40 + 1000);
}

TEST_F(Libav, Mp4DecodesWithoutAWord) {
  for (const Codec audio : {Codec::opus, Codec::aac}) {
    const Recording recording = picture_and_sound(Codec::h264, audio);
    const std::string file = save("b.mp4", mux(Format::mp4, recording).bytes);
    EXPECT_EQ(decode(file), "");
    EXPECT_EQ(probe(file, "v:0").at("nb_read_packets"), std::to_string(recording.count(Codec::h264)));
    EXPECT_EQ(probe(file, "a:0").at("nb_read_packets"), std::to_string(recording.count(audio)));
  }
}

TEST_F(Libav, Mp4FragmentsByTimeNotByKeyFrame) {
  const Recording recording = combine({encode_video(Codec::h264, {.count = 150, .key_every = 1000})});
  const Muxed muxed = mux(Format::mp4, recording);
  for (std::size_t i = 20; i < muxed.ends.size(); ++i) {
    // At most half a second, or 16 frames, are not out yet.
    ASSERT_GE(demux(Bytes(muxed.bytes).first(muxed.ends[i])).of[0].size() + 16, i + 1);
  }
  EXPECT_EQ(muxed.ends[0], 0U + muxed.ends[14]);
}

TEST_F(Libav, Mp4WritesAFragmentWhenOnlyTimePasses) {
  const Recording recording = combine({encode_audio(Codec::aac, 0.2)});
  auto muxer = make_muxer(Format::mp4, recording.formats);
  ASSERT_TRUE(muxer);
  ByteVector bytes;
  for (const OwnedFrame& owned : recording.frames) ASSERT_TRUE((*muxer)->write(owned.view(), bytes));
  ASSERT_TRUE((*muxer)->advance(recording.frames[0].frame.dts + LibavMuxer::fragment - 1, bytes));
  EXPECT_THAT(demux(bytes).of[0], IsEmpty());
  ASSERT_TRUE((*muxer)->advance(recording.frames[0].frame.dts + LibavMuxer::fragment, bytes));
  EXPECT_EQ(demux(bytes).of[0].size(), recording.frames.size());
}

TEST_F(Libav, HolesKeepTheirLength) {
  for (const Format format : {Format::mp4, Format::mkv}) {
    Recording recording = picture_and_sound(Codec::h264, Codec::aac, 4);
    recording.shift(7 * second_of_time, 3 * second_of_time);
    // And one in the sound alone.
    std::erase_if(recording.frames, [](const OwnedFrame& owned) {
      return owned.frame.codec == Codec::aac && owned.frame.dts > 2 * second_of_time &&
             owned.frame.dts < 5 * second_of_time / 2;
    });
    const Muxed muxed = mux(format, recording);
    const Found found = demux(muxed.bytes);
    std::size_t next[2] = {};
    for (const OwnedFrame& owned : recording.frames) {
      const std::size_t track = owned.frame.track;
      ASSERT_LT(next[track], found.of[track].size());
      const Ticks want = owned.frame.pts;
      ASSERT_NEAR(static_cast<double>(found.of[track][next[track]++].pts), static_cast<double>(want), 90)
          << to_string(format);
    }
    EXPECT_EQ(decode(save("c.any", muxed.bytes)), "");
  }
}

TEST_F(Libav, ASecondPartKeepsTheTimeOfTheRecording) {
  for (const Format format : {Format::mp4, Format::mkv}) {
    Recording recording = picture_and_sound(Codec::h264, Codec::aac);
    recording.shift(3600 * second_of_time);
    const std::string file = save("d.any", mux(format, recording).bytes);
    EXPECT_NEAR(number(probe(file, "v:0"), "start_time"), 3601, 0.001);
    EXPECT_EQ(decode(file), "");
  }
}

TEST_F(Libav, KeepsReorderedPictures) {
  for (const Format format : {Format::mp4, Format::mkv}) {
    const Recording recording = combine({encode_video(Codec::h264, {.reordering = Reordering::yes})});
    const std::string file = save("e.any", mux(format, recording).bytes);
    EXPECT_EQ(decode(file), "");
    EXPECT_EQ(probe(file, "v:0").at("nb_read_packets"), "60");
  }
}

TEST_F(Libav, AsksForWhatAHeaderNeeds) {
  for (const Format format : {Format::mp4, Format::mkv}) {
    const auto made = [&](const media::TrackFormat& track) {
      return make_muxer(format, {track}).has_value();
    };
    EXPECT_FALSE(make_muxer(format, {}));
    EXPECT_FALSE(made({Codec::h264, 640, 480, 0, 0, {}}));
    EXPECT_FALSE(made({Codec::vp8, 0, 0, 0, 0, {}}));
    EXPECT_FALSE(made({Codec::aac, 0, 0, 48'000, 2, {}}));
    EXPECT_EQ(made({Codec::vp8, 640, 480, 0, 0, {}}), can_hold(format, Codec::vp8));
  }
}

TEST_F(Libav, GoesOnOnlyWithWhatTheHeaderSays) {
  const Recording recording = picture_and_sound(Codec::h264, Codec::opus);
  for (const Format format : {Format::mp4, Format::mkv}) {
    const auto muxer = make_muxer(format, recording.formats);
    ASSERT_TRUE(muxer);
    media::TrackFormat other = recording.formats[0];
    EXPECT_TRUE((*muxer)->can_continue(0, other));
    other.config.back() ^= 1;
    EXPECT_FALSE((*muxer)->can_continue(0, other));
  }
  const auto vp8 = make_muxer(Format::mkv, {{Codec::vp8, 640, 480, 0, 0, {}}});
  ASSERT_TRUE(vp8);
  EXPECT_TRUE((*vp8)->can_continue(0, {Codec::vp8, 320, 240, 0, 0, {}}));
}

}  // namespace
}  // namespace holdfast::container::test

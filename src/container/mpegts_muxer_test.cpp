#include "container/mpegts_muxer.hpp"

#include <gmock/gmock.h>

#include "base/random.hpp"
#include "container/test_demux.hpp"
#include "container/test_judges.hpp"
#include "container/test_media.hpp"
#include "container/ts_checker.hpp"

namespace holdfast::container::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint16_t first = 0x100;
constexpr std::uint16_t second = 0x101;
constexpr Ticks millisecond = 90;
constexpr Ticks second_of_time = media::ticks_per_second;

class MpegTs : public JudgedTest {
 protected:
  static const Recording& picture_and_sound() {
    static const Recording recording = combine({encode_video(Codec::h264), encode_audio(Codec::aac)});
    return recording;
  }
  static Recording long_recording(int seconds) {
    return combine({encode_video(Codec::h264, {.count = 30 * seconds}), encode_audio(Codec::aac, seconds)});
  }
  static Recording sound(Codec codec, double seconds = 2) { return combine({encode_audio(codec, seconds)}); }

  // Writes by hand, with time passing where the frames say nothing.
  void open(const std::vector<media::TrackFormat>& formats) {
    auto made = make_muxer(Format::mpegts, formats);
    ASSERT_TRUE(made) << made.error().message;
    muxer_ = std::move(*made);
  }
  void write(const OwnedFrame& owned) {
    const auto written = muxer_->write(owned.view(), bytes_);
    ASSERT_TRUE(written) << written.error().message;
  }
  void pass_time(Ticks from, Ticks to) {
    for (Ticks now = from; now <= to; now += 20 * millisecond) ASSERT_TRUE(muxer_->advance(now, bytes_));
  }
  TsReport check() const { return TsChecker::check(bytes_); }

  std::unique_ptr<Muxer> muxer_;
  ByteVector bytes_;
};

TEST_F(MpegTs, DecodesWithoutAWord) {
  const Recording& recording = picture_and_sound();
  const std::string file = save("a.ts", mux(Format::mpegts, recording).bytes);
  EXPECT_EQ(decode(file), "");
  const auto video = probe(file, "v:0");
  EXPECT_EQ(video.at("codec_name"), "h264");
  EXPECT_EQ(video.at("nb_read_packets"), std::to_string(recording.count(Codec::h264)));
  EXPECT_NEAR(number(video, "start_time"), 1.0, 0.001);
  const auto audio = probe(file, "a:0");
  EXPECT_EQ(audio.at("codec_name"), "aac");
  EXPECT_EQ(audio.at("nb_read_packets"), std::to_string(recording.count(Codec::aac)));
}

TEST_F(MpegTs, KeepsEveryRuleOfTheStandard) {
  const TsReport report = TsChecker::check(mux(Format::mpegts, picture_and_sound()).bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_EQ(report.pcr_pid, first);
  EXPECT_THAT(report.stream_types, ElementsAre(std::pair(first, 0x1b), std::pair(second, 0x0f)));
}

TEST_F(MpegTs, KeepsDecodeTimesOfReorderedPictures) {
  const Recording recording = combine({encode_video(Codec::h264, {.reordering = Reordering::yes})});
  const Muxed muxed = mux(Format::mpegts, recording);
  const TsReport report = TsChecker::check(muxed.bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  const auto pictures = report.of(first);
  ASSERT_THAT(pictures, SizeIs(recording.frames.size()));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    EXPECT_EQ(pictures[i]->pts, static_cast<std::uint64_t>(recording.frames[i].frame.pts));
    EXPECT_EQ(pictures[i]->dts, static_cast<std::uint64_t>(recording.frames[i].frame.dts));
  }
  EXPECT_EQ(decode(save("b.ts", muxed.bytes)), "");
}

TEST_F(MpegTs, WritesEachFrameCompletely) {
  const Recording& recording = picture_and_sound();
  const Muxed muxed = mux(Format::mpegts, recording);
  for (std::size_t i = 0; i < muxed.ends.size(); ++i) {
    const TsReport report = TsChecker::check(Bytes(muxed.bytes).first(muxed.ends[i]));
    ASSERT_THAT(report.faults, IsEmpty());
    ASSERT_THAT(report.pes, SizeIs(i + 1));
    const ByteVector& payload = report.pes.back().payload;
    const ByteVector& frame = recording.frames[i].bytes;
    ASSERT_GE(payload.size(), frame.size());
    ASSERT_TRUE(std::equal(frame.rbegin(), frame.rend(), payload.rbegin()));
  }
}

TEST_F(MpegTs, KeyFramesCanBeEntered) {
  const Recording& recording = picture_and_sound();
  const TsReport report = TsChecker::check(mux(Format::mpegts, recording).bytes);
  std::size_t frame = 0;
  for (const TsPes* picture : report.of(first)) {
    while (recording.frames[frame].frame.codec != Codec::h264) ++frame;
    const bool key = recording.frames[frame++].frame.picture == media::Picture::key;
    EXPECT_EQ(picture->random_access, key);
    const bool tables_right_before =
        std::ranges::find(report.tables, picture->first_packet - 2) != report.tables.end();
    EXPECT_TRUE(tables_right_before || !key);
  }
}

std::vector<codec::NalType> nal_types(Bytes annex_b) {
  std::vector<codec::NalType> types;
  codec::NalReader nals(annex_b);
  while (const auto nal = nals.next()) types.push_back(codec::nal_type(*nal));
  return types;
}

TEST_F(MpegTs, GivesKeyFramesWhatTheyLack) {
  using codec::NalType;
  Recording recording = combine({encode_video(Codec::h264, {.count = 2})});
  ByteVector slices;
  codec::NalReader nals(recording.frames[0].bytes);
  while (const auto nal = nals.next()) {
    if (codec::is_slice(codec::nal_type(*nal))) codec::append_annex_b(*nal, slices);
  }
  recording.frames[0].bytes = slices;
  const Muxed bare = mux(Format::mpegts, recording);
  EXPECT_THAT(nal_types(TsChecker::check(bare.bytes).pes[0].payload),
              ElementsAre(NalType::aud, NalType::sps, NalType::pps, NalType::idr));
  EXPECT_THAT(nal_types(TsChecker::check(bare.bytes).pes[1].payload),
              ElementsAre(NalType::aud, NalType::slice));

  // An own delimiter stays the first, and the only one.
  const ByteVector delimited = {0, 0, 0, 1, 0x09, 0x10};
  recording.frames[0].bytes.insert(recording.frames[0].bytes.begin(), delimited.begin(), delimited.end());
  recording.frames[1].bytes.insert(recording.frames[1].bytes.begin(), delimited.begin(), delimited.end());
  const TsReport report = TsChecker::check(mux(Format::mpegts, recording).bytes);
  EXPECT_THAT(nal_types(report.pes[0].payload),
              ElementsAre(NalType::aud, NalType::sps, NalType::pps, NalType::idr));
  EXPECT_EQ(report.pes[0].payload[5], 0x10);
  EXPECT_THAT(nal_types(report.pes[1].payload), ElementsAre(NalType::aud, NalType::slice));
  EXPECT_EQ(decode(save("c.ts", bare.bytes)), "");
}

TEST_F(MpegTs, CarriesOpusAsFfmpegReadsIt) {
  const Recording recording = combine({encode_video(Codec::h264), encode_audio(Codec::opus)});
  const Muxed muxed = mux(Format::mpegts, recording);
  const TsReport report = TsChecker::check(muxed.bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_EQ(report.stream_types.at(second), 0x06);
  const std::string file = save("d.ts", muxed.bytes);
  EXPECT_EQ(decode(file), "");
  const auto audio = probe(file, "a:0");
  EXPECT_EQ(audio.at("codec_name"), "opus");
  EXPECT_EQ(audio.at("channels"), "2");
  EXPECT_EQ(audio.at("nb_read_packets"), std::to_string(recording.count(Codec::opus)));
}

TEST_F(MpegTs, CarriesOpusPacketsOfEverySize) {
  open({{Codec::opus, 0, 0, 48'000, 2, {}}});
  OwnedFrame owned;
  owned.frame.codec = Codec::opus;
  owned.frame.picture = media::Picture::key;
  for (std::size_t size = 1; size <= 1300; ++size) {
    owned.frame.pts = owned.frame.dts = second_of_time + static_cast<Ticks>(size) * 1800;
    owned.bytes.assign(size, 0x5a);
    write(owned);
  }
  const TsReport report = check();
  EXPECT_THAT(report.faults, IsEmpty());
  for (std::size_t size = 1; size <= 1300; ++size) {
    const ByteVector& payload = report.pes[size - 1].payload;
    ASSERT_EQ(load_u16(payload.data()), 0x7fe0);
    std::size_t at = 2;
    std::size_t said = 0;
    while (payload[at] == 255) said += payload[at++];
    said += payload[at++];
    ASSERT_EQ(said, size);
    ASSERT_EQ(payload.size() - at, size);
  }
}

TEST_F(MpegTs, RunsItsClockOnSoundAlone) {
  for (const Codec codec : {Codec::aac, Codec::opus}) {
    const Muxed muxed = mux(Format::mpegts, sound(codec));
    const TsReport report = TsChecker::check(muxed.bytes);
    EXPECT_THAT(report.faults, IsEmpty());
    EXPECT_EQ(report.pcr_pid, first);
    const std::string file = save("e.ts", muxed.bytes);
    EXPECT_EQ(decode(file), "");
    EXPECT_NEAR(number(probe(file, "a:0"), "duration"), 2.0, 0.05);
  }
}

TEST_F(MpegTs, KeepsTheClockGoingWhileTheCameraIsOff) {
  const Recording recording = long_recording(12);
  open(recording.formats);
  Ticks now = second_of_time;
  for (const OwnedFrame& owned : recording.frames) {
    pass_time(now, owned.frame.dts);
    now = owned.frame.dts;
    const bool off = now > 2 * second_of_time && now < 12 * second_of_time;
    if (!off || owned.frame.codec == Codec::aac) write(owned);
  }
  const TsReport report = check();
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.discontinuities, IsEmpty());
  EXPECT_GT(report.pcrs.size(), 11U * 25U);
}

TEST_F(MpegTs, KeepsTheClockGoingWhileNothingComesAtAll) {
  const Recording recording = picture_and_sound();
  open(recording.formats);
  write(recording.frames[0]);
  pass_time(second_of_time, 61 * second_of_time);
  const TsReport report = check();
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.discontinuities, IsEmpty());
  EXPECT_GE(report.tables.size(), 10U * 57U);
}

TEST_F(MpegTs, PicturesThatWereWaitedForComeBeforeTheirTime) {
  // 1.5 s of pictures wait for a packet sent again while the sound goes on.
  Recording recording = long_recording(6);
  std::ranges::stable_sort(recording.frames, {}, [](const OwnedFrame& owned) {
    const Ticks dts = owned.frame.dts;
    const bool held =
        owned.frame.codec == Codec::h264 && dts >= 3 * second_of_time && dts < 9 * second_of_time / 2;
    return held ? 9 * second_of_time / 2 : dts;
  });
  const Muxed muxed = mux(Format::mpegts, recording);
  const TsReport report = TsChecker::check(muxed.bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.discontinuities, IsEmpty());
  EXPECT_EQ(decode(save("f.ts", muxed.bytes)), "");
}

TEST_F(MpegTs, MarksAGapInEverything) {
  Recording recording = long_recording(4);
  recording.shift(30 * second_of_time, 3 * second_of_time);
  const Muxed muxed = mux(Format::mpegts, recording);
  const TsReport report = TsChecker::check(muxed.bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.discontinuities, SizeIs(1));
  const std::string file = save("g.ts", muxed.bytes);
  EXPECT_EQ(decode(file), "");
  EXPECT_NEAR(number(probe(file, "v:0"), "duration"), 34, 0.2);
  EXPECT_NEAR(number(probe(file, "a:0"), "duration"), 34, 0.2);

  // ffmpeg closes the gap when it copies; what matters is that both tracks move alike.
  EXPECT_EQ(run("ffmpeg -nostdin -v error -i " + file + " -c copy " + path("g.mp4")), "");
  const double video = number(probe(path("g.mp4"), "v:0"), "duration");
  const double audio = number(probe(path("g.mp4"), "a:0"), "duration");
  EXPECT_NEAR(video, audio, 0.1);
  EXPECT_EQ(decode(path("g.mp4")), "");
}

TEST_F(MpegTs, GoesThroughTheWrapOfItsClock) {
  Recording recording = picture_and_sound();
  recording.shift((Ticks{1} << 33) - 2 * second_of_time);
  const Muxed muxed = mux(Format::mpegts, recording);
  const TsReport report = TsChecker::check(muxed.bytes);
  EXPECT_THAT(report.faults, IsEmpty());
  EXPECT_THAT(report.discontinuities, IsEmpty());
  const std::string file = save("h.ts", muxed.bytes);
  EXPECT_EQ(decode(file), "");
  EXPECT_NEAR(number(probe(file, "v:0"), "duration"), 2, 0.1);
}

TEST_F(MpegTs, CopiesToMp4WithTheRightDurations) {
  const Recording recording = long_recording(5);
  const std::string file = save("i.ts", mux(Format::mpegts, recording).bytes);
  EXPECT_EQ(run("ffmpeg -nostdin -v error -i " + file + " -c copy " + path("i.mp4")), "");
  EXPECT_NEAR(number(probe(path("i.mp4"), "v:0"), "duration"), 5, 0.05);
  EXPECT_NEAR(number(probe(path("i.mp4"), "a:0"), "duration"), 5, 0.05);
  EXPECT_EQ(probe(path("i.mp4"), "v:0").at("nb_read_packets"), "150");
}

bool ends_with(const ByteVector& all, const ByteVector& end) {
  return all.size() >= end.size() && std::equal(end.rbegin(), end.rend(), all.rbegin());
}

TEST_F(MpegTs, HoldsEveryWholeFrameWhereverItIsCut) {
  const Recording recording = combine({encode_video(Codec::h264, {.count = 30})});
  const Muxed muxed = mux(Format::mpegts, recording);
  std::vector<std::size_t> cuts;
  for (std::size_t cut = muxed.ends[1]; cut <= muxed.bytes.size(); cut += 188) cuts.push_back(cut);
  constexpr std::uint64_t seed = 7;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  SeededRandom random(seed);
  for (int i = 0; i < 200; ++i) {
    cuts.push_back(muxed.ends[1] + random.below(muxed.bytes.size() - muxed.ends[1]));
  }
  for (const std::size_t cut : cuts) {
    const auto whole = static_cast<std::size_t>(
        std::ranges::count_if(muxed.ends, [&](std::size_t end) { return end <= cut; }));
    const auto found = demux(Bytes(muxed.bytes).first(cut)).of[0];
    ASSERT_GE(found.size(), whole) << "cut at " << cut;
    ASSERT_LE(found.size(), whole + 1) << "cut at " << cut;
    for (std::size_t i = 0; i < whole; ++i) {
      ASSERT_TRUE(ends_with(found[i].bytes, recording.frames[i].bytes)) << cut;
    }
  }
}

TEST_F(MpegTs, PlaysAfterAnyNumberOfFrames) {
  const Recording& recording = picture_and_sound();
  const Muxed muxed = mux(Format::mpegts, recording);
  for (const std::size_t frames : {40, 41, 42, 43, 77, 101}) {
    EXPECT_EQ(decode(save("cut.ts", Bytes(muxed.bytes).first(muxed.ends[frames]))), "");
  }
}

TEST_F(MpegTs, SpendsLittleOnItsPackets) {
  const Recording& recording = picture_and_sound();
  std::size_t media_bytes = 0;
  for (const OwnedFrame& owned : recording.frames) media_bytes += owned.bytes.size();
  const std::size_t written = mux(Format::mpegts, recording).bytes.size();
  // At 2 s: tables 7.5 kB, a packet half empty a frame on average, one header each.
  const std::size_t most = media_bytes * 189 / 184 + 20UL * 2 * 188 + recording.frames.size() * 188 + 1000;
  EXPECT_LT(written, most);
}

TEST_F(MpegTs, TakesWhateverFramesHold) {
  constexpr std::uint64_t seed = 11;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  SeededRandom random(seed);
  const Recording& recording = picture_and_sound();
  open(recording.formats);
  OwnedFrame owned;
  for (int i = 0; i < 2000; ++i) {
    owned.frame.pts = owned.frame.dts = second_of_time + Ticks{i} * 1500;
    owned.frame.picture = random.below(2) == 0 ? media::Picture::key : media::Picture::delta;
    owned.bytes.resize(1 + random.below(600));
    random.fill(owned.bytes);
    for (std::size_t at = 0; at + 4 < owned.bytes.size() && random.below(3) != 0;
         at += 1 + random.below(40)) {
      owned.bytes[at] = 0;
      if (random.below(2) == 0) owned.bytes[at + 1] = owned.bytes[at] = 0;
      if (random.below(2) == 0) owned.bytes[at + 2] = 1;
    }
    write(owned);
  }
  EXPECT_THAT(check().faults, IsEmpty());
}

TEST_F(MpegTs, RefusesWhatItCannotCarry) {
  const auto refused = [](const media::TrackFormat& format) {
    const auto made = make_muxer(Format::mpegts, {format});
    return made ? std::nullopt : std::optional(made.error().code);
  };
  EXPECT_EQ(refused({Codec::vp8, 640, 480, 0, 0, {}}), ErrorCode::unsupported);
  EXPECT_EQ(refused({Codec::aac, 0, 0, 48'000, 2, {}}), ErrorCode::invalid);
  EXPECT_EQ(refused({Codec::aac, 0, 0, 48'000, 2, {0x2b, 0x92}}), ErrorCode::invalid);

  open({{Codec::aac, 0, 0, 48'000, 2, {0x11, 0x90}}});
  media::Frame frame;
  frame.codec = Codec::aac;
  const ByteVector large(9000);
  frame.payload = large;
  EXPECT_FALSE(muxer_->write(frame, bytes_));
  EXPECT_THAT(bytes_, IsEmpty());
}

TEST_F(MpegTs, GoesOnWithAnotherPictureSizeButNotWithAnotherCodec) {
  open({{Codec::h264, 640, 480, 0, 0, {}}});
  EXPECT_TRUE(muxer_->can_continue(0, {Codec::h264, 1280, 720, 0, 0, {}}));
  EXPECT_FALSE(muxer_->can_continue(0, {Codec::vp8, 640, 480, 0, 0, {}}));
}

TEST(FormatNames, AreReadAsTheyAreWritten) {
  for (const Format format : {Format::mpegts, Format::mp4, Format::mkv}) {
    EXPECT_EQ(parse_format(to_string(format)), format);
  }
  EXPECT_EQ(parse_format("ts"), Format::mpegts);
  EXPECT_EQ(parse_format("matroska"), Format::mkv);
  EXPECT_EQ(parse_format("avi"), std::nullopt);
  EXPECT_EQ(file_extension(Format::mpegts), "ts");
}

}  // namespace
}  // namespace holdfast::container::test

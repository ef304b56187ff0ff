#include "container/whole_frames.hpp"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <set>

#include "base/random.hpp"
#include "container/test_demux.hpp"
#include "container/test_media.hpp"

namespace holdfast::container::test {
namespace {

constexpr std::array formats{Format::mpegts, Format::mp4, Format::mkv};

ReadAt reader(Bytes bytes) {
  return [bytes](std::uint64_t offset, std::uint64_t size) -> Result<ByteVector> {
    const Bytes rest = bytes.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(offset, bytes.size())));
    const Bytes piece = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(size, rest.size())));
    return ByteVector(piece.begin(), piece.end());
  };
}

WholePart whole(Format format, Bytes bytes) {
  const auto found = find_whole_part(format, bytes.size(), reader(bytes));
  EXPECT_TRUE(found.has_value());
  return found.value_or(WholePart{});
}

const Muxed& sample(Format format) {
  static const Recording recording = combine(
      {encode_video(Codec::h264, {.count = 90, .reordering = Reordering::yes}), encode_audio(Codec::aac, 3)});
  static const std::map<Format, Muxed> all = [] {
    std::map<Format, Muxed> made;
    for (const Format each : formats) made.emplace(each, mux(each, recording));
    return made;
  }();
  return all.at(format);
}

std::size_t frames_in(Bytes file) {
  const Found found = demux(file);
  std::size_t count = 0;
  for (const auto& track : found.of) count += track.size();
  return count;
}

// Where the file was whole: after each frame, or fragment.
std::set<std::size_t> ends(const Muxed& muxed) {
  std::set<std::size_t> sizes(muxed.ends.begin(), muxed.ends.end());
  sizes.insert(muxed.bytes.size());
  return sizes;
}

TEST(WholeFrames, AWholeFileStaysAsItIs) {
  for (const Format format : formats) {
    const Bytes file = sample(format).bytes;
    EXPECT_EQ(whole(format, file).size, file.size()) << to_string(format);
  }
}

TEST(WholeFrames, WhereverAFileIsCutItsLastWholeFrameIsFound) {
  for (const Format format : formats) {
    SCOPED_TRACE(to_string(format));
    const Muxed& muxed = sample(format);
    auto sizes = ends(muxed);
    if (format == Format::mp4) sizes.erase(sizes.begin());  // the header alone
    SeededRandom random(1);
    int shorter = 0;
    for (std::size_t i = 0; i < 1500; ++i) {
      const std::size_t cut = random.below(muxed.bytes.size() + 1);
      const std::uint64_t found = whole(format, Bytes(muxed.bytes).first(cut)).size;
      ASSERT_LE(found, cut);
      const auto next = sizes.upper_bound(cut);
      const std::size_t wanted = next == sizes.begin() ? 0 : *std::prev(next);
      // Small pictures may fill a packet that begins with a clock reference to the byte, and look half.
      const auto one_less = sizes.lower_bound(wanted);
      const std::size_t before = one_less == sizes.begin() ? 0 : *std::prev(one_less);
      ASSERT_GE(found, format == Format::mpegts ? before : wanted) << "cut at " << cut;
      shorter += found < wanted ? 1 : 0;
    }
    EXPECT_LE(shorter, 10);
  }
}

TEST(WholeFrames, NothingHalfIsLeft) {
  for (const Format format : formats) {
    SCOPED_TRACE(to_string(format));
    const Muxed& muxed = sample(format);
    SeededRandom random(2);
    for (std::size_t i = 0; i < 150; ++i) {
      const std::size_t cut = muxed.bytes.size() / 2 + random.below(muxed.bytes.size() / 2);
      const auto size = static_cast<std::size_t>(whole(format, Bytes(muxed.bytes).first(cut)).size);
      const std::size_t frames = frames_in(Bytes(muxed.bytes).first(size));
      const auto written =
          static_cast<std::size_t>(std::ranges::upper_bound(muxed.ends, size) - muxed.ends.begin());
      if (format != Format::mp4) {
        ASSERT_EQ(frames, written) << "cut at " << cut;
      }
      ASSERT_GT(frames, 0U);
    }
  }
}

TEST(WholeFrames, TablesAndHalfAFrameAreNoMedia) {
  const Bytes file = sample(Format::mpegts).bytes;
  for (std::size_t cut = 0; cut < std::size_t{188} * 6; ++cut) {
    const auto size = static_cast<std::size_t>(whole(Format::mpegts, file.first(cut)).size);
    EXPECT_EQ(size > 0, size > 0 && frames_in(file.first(size)) > 0) << "cut at " << cut;
  }
}

TEST(WholeFrames, ZerosBehindTheEndAreNoMedia) {
  for (const Format format : formats) {
    const Muxed& muxed = sample(format);
    for (const std::size_t zeros : {1, 188, 5'000, 6'000'000}) {
      ByteVector file = muxed.bytes;
      file.resize(file.size() + zeros);
      EXPECT_EQ(whole(format, file).size, muxed.bytes.size()) << to_string(format) << " and " << zeros;
    }
  }
}

TEST(WholeFrames, KnowsTheLastTimeOfATransportStream) {
  const Muxed& muxed = sample(Format::mpegts);
  const auto last = whole(Format::mpegts, muxed.bytes).last_pts;
  ASSERT_TRUE(last);
  EXPECT_NEAR(static_cast<double>(*last), 4.0 * media::ticks_per_second, 0.1 * media::ticks_per_second);
}

TEST(WholeFrames, AnythingElseHasNone) {
  SeededRandom random(3);
  for (const Format format : formats) {
    EXPECT_EQ(whole(format, {}).size, 0U);
    for (int i = 0; i < 200; ++i) {
      ByteVector noise(random.below(20'000));
      random.fill(noise);
      EXPECT_LE(whole(format, noise).size, noise.size());
    }
  }
}

TEST(WholeFrames, ABitThatFlippedInFrontCostsNothing) {
  const Muxed& muxed = sample(Format::mpegts);
  SeededRandom random(4);
  for (int i = 0; i < 200; ++i) {
    ByteVector file = muxed.bytes;
    file[random.below(file.size() / 2)] ^= 0x10;
    EXPECT_EQ(whole(Format::mpegts, file).size, file.size());
  }
}

}  // namespace
}  // namespace holdfast::container::test

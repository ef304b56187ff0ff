#include "container/ts_checker.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A recording in several parts: whatever divides it, nothing is lost or written twice over the joint.
class PartsTest : public SessionTest {
 protected:
  std::vector<std::string> reasons() {
    std::vector<std::string> found;
    for (const journal::PartEvent& part : events<journal::PartEvent>())
      found.emplace_back(to_string(part.reason));
    return found;
  }
  ByteVector joined() {
    ByteVector all;
    for (std::size_t i = 0; i < status().output_paths.size(); ++i) {
      const ByteVector part = bytes(i);
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }
  // As one file: every picture that was sent since the first, once, and sound without a seam.
  void expect_seamless() {
    const ByteVector all = joined();
    EXPECT_THAT(container::test::TsChecker::check(all).faults, IsEmpty());
    const MediaFile file = read_media_file(all);
    const auto sent = sent_pictures();
    const auto written = pictures_of(file.video());
    ASSERT_FALSE(written.empty());
    const auto first = std::ranges::find(sent, written.front());
    EXPECT_EQ(written, std::vector<ByteVector>(first, sent.end()));
    EXPECT_LE(file.video().longest_step(), media::ticks_per_second / 30 + 1);
    EXPECT_LE(file.audio().longest_step(), 1921) << "an AAC frame is 1,920 ticks";
    EXPECT_GT(file.audio().packets.size(), 0u);
    for (std::size_t i = 0; i < status().output_paths.size(); ++i) {
      EXPECT_TRUE(read_media_file(bytes(i)).video().packets.front().key) << "part " << i + 1;
    }
  }
};

TEST_F(PartsTest, ASplitTakesPlaceAtTheNextKeyFrameWhichIsAskedFor) {
  connect();
  play_both();
  run_for(5200ms);
  session().split();
  run_for(300ms);
  EXPECT_THAT(status().output_paths, SizeIs(2)) << "the publisher's own next one is 800 ms away";
  run_for(3s);
  session().split();
  run_for(3s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "split", "split"));
  expect_seamless();
}

TEST_F(PartsTest, PartsOfACertainLength) {
  options.output.part_duration = 10s;
  connect();
  play_both();
  run_for(65s);
  finish();
  EXPECT_THAT(reasons(), SizeIs(7));
  const auto parts = events<journal::PartEvent>();
  std::vector<media::Ticks> begins;
  for (const journal::Entry& entry : journal().entries) {
    if (std::holds_alternative<journal::PartEvent>(entry.event)) begins.push_back(entry.pts);
  }
  for (std::size_t i = 1; i < begins.size(); ++i) {
    EXPECT_GE(begins[i] - begins[i - 1], 10 * media::ticks_per_second);
    EXPECT_LE(begins[i] - begins[i - 1], 11 * media::ticks_per_second);
  }
  expect_seamless();
}

TEST_F(PartsTest, PartsOfACertainSize) {
  options.output.part_size = 500'000;
  connect();
  play_both();
  run_for(30s);
  finish();
  const std::size_t count = status().output_paths.size();
  EXPECT_GE(count, 3u);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    EXPECT_GE(bytes(i).size(), 500'000u);
    EXPECT_LE(bytes(i).size(), 650'000u);
  }
  expect_seamless();
}

TEST_F(PartsTest, SoundAloneIsSplitAtOnce) {
  connect(Tracks::audio);
  play(Kind::audio);
  run_for(5s);
  session().split();
  run_for(5s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "split"));
  const ByteVector all = joined();
  EXPECT_THAT(container::test::TsChecker::check(all).faults, IsEmpty());
  const MediaFile file = read_media_file(all);
  EXPECT_LE(file.audio().longest_step(), 1921);
  EXPECT_GE(file.audio().packets.size(), 460u);
}

TEST_F(PartsTest, ASplitBeforeTheFirstPartIsNone) {
  connect();
  session().split();
  play_both();
  run_for(3s);
  finish();
  EXPECT_THAT(status().output_paths, SizeIs(1));
}

class OtherContainers : public PartsTest, public testing::WithParamInterface<container::Format> {};

TEST_P(OtherContainers, AreSplitWithEveryFrameOnce) {
  options.output.format = GetParam();
  connect();
  play_both();
  run_for(5200ms);
  session().split();
  run_for(3s);
  finish();
  std::vector<media::Ticks> times;
  for (std::size_t i = 0; i < status().output_paths.size(); ++i) {
    const MediaFile part = read_media_file(bytes(i));
    EXPECT_TRUE(part.video().packets.front().key) << "part " << i + 1;
    for (const auto& packet : part.video().packets) times.push_back(packet.pts);
  }
  EXPECT_THAT(reasons(), ElementsAre("start", "split"));
  EXPECT_EQ(times.size(), track_status(Kind::video).frames);
  for (std::size_t i = 1; i < times.size(); ++i) {
    EXPECT_GT(times[i], times[i - 1]);
    EXPECT_LE(times[i] - times[i - 1], media::ticks_per_second / 30 + 91) << "milliseconds in the file";
  }
}

INSTANTIATE_TEST_SUITE_P(All, OtherContainers,
                         testing::Values(container::Format::mp4, container::Format::mkv),
                         [](const auto& format) { return std::string(container::to_string(format.param)); });

TEST_F(PartsTest, AFailedSyncBeginsANewPart) {
  connect();
  play_both();
  run_for(4300ms);
  disk.fail_syncs(".ts", 1);
  run_for(4s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "disk"));
  EXPECT_THAT(events<journal::UnsafeEvent>(), SizeIs(1));
  EXPECT_EQ(packets(Kind::video).lost + packets(Kind::video).dropped, 0u);
  expect_seamless();
}

TEST_F(PartsTest, APartThatIsDeletedIsFollowedByAnother) {
  connect();
  play_both();
  run_for(4300ms);
  ASSERT_TRUE(disk.remove(status().output_paths[0]));
  run_for(4s);
  finish();
  EXPECT_THAT(reasons(), ElementsAre("start", "disk"));
  const MediaFile second = read_media_file(bytes(1));
  EXPECT_TRUE(second.video().packets.front().key);
  EXPECT_GE(second.video().packets.size(), 60u);
}

}  // namespace
}  // namespace holdfast::recording

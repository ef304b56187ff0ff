#include <cstdio>
#include <cstdlib>

#include "recording/endless_disk_test.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

// 24 hours with HOLDFAST_PROVE=1, else two.
int hours() {
  return std::getenv("HOLDFAST_PROVE") != nullptr ? 24 : 2;
}

class MemoryTest : public testing::TestWithParam<container::Format> {
 protected:
  MemoryTest() {
    options_.output.directory = "/recordings";
    options_.output.recording_id = "day";
    options_.output.format = GetParam();
    options_.output.audio = AudioMode::copy;
    options_.start_time = clock_.wall();
    options_.local = {recorder_at};
  }

  static Footage thrifty() {
    FootageSettings settings;
    settings.frames_per_second = 5;
    settings.bits_per_second = 30'000;
    return make_footage(settings);
  }

  EndlessDisk disk_;
  storage::WriteBudget budget_;
  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_{clock_, 1};
  SessionOptions options_;
};

TEST_P(MemoryTest, ADayTakesNoMoreThanItsFirstHour) {
  constexpr std::size_t allowed = std::size_t{1} << 20;
  Recorder recorder(clock_, net_, recorder_at, disk_, options_, budget_);
  Studio studio(clock_, net_, studio_at, thrifty(),
                {.video = media::Codec::h264, .audio = media::Codec::opus}, 1);
  studio.remembers = false;
  const auto answer = recorder.session.accept_offer(clock_.both(), studio.offer());
  ASSERT_TRUE(studio.publisher.accept_answer(clock_.now(), answer.value()).has_value());
  ASSERT_TRUE(clock_.run_until([&] { return studio.publisher.state() == peer::State::connected; }, 5s));
  studio.play(Kind::video);
  studio.play(Kind::audio);
  net_.both_ways(studio_at, recorder_at, {.loss = 0.001});

  clock_.run_for(1h);
  const std::size_t after_an_hour = allocated_bytes();
  clock_.run_for(std::chrono::hours(hours() - 1));
  const std::size_t at_the_end = allocated_bytes();

  std::printf("after 1 h: %.2f MB, after %d h: %.2f MB; %.1f MB written\n",
              static_cast<double>(after_an_hour) / 1e6, hours(), static_cast<double>(at_the_end) / 1e6,
              static_cast<double>(disk_.bytes) / 1e6);
  EXPECT_LT(at_the_end, after_an_hour + allowed);
  EXPECT_LT(recorder.packets_waiting(), 500u);  // one hole may be open
  const Status status = recorder.session.status(clock_.now());
  EXPECT_EQ(status.state, State::recording);
  EXPECT_NEAR(to_seconds(status.duration), 3600.0 * hours(), 1);
  for (const TrackStatus& track : status.tracks) EXPECT_EQ(track.packets.lost, 0u);
}

INSTANTIATE_TEST_SUITE_P(Containers, MemoryTest,
                         testing::Values(container::Format::mpegts, container::Format::mp4,
                                         container::Format::mkv),
                         [](const auto& tested) { return std::string(container::to_string(tested.param)); });

}  // namespace
}  // namespace holdfast::recording

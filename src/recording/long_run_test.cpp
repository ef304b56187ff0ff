#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "recording/endless_disk_test.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

// Reads a transport stream as it is written: the PTS of every PES packet (ISO/IEC 13818-1 section 2.4.3.6).
class PtsReader {
 public:
  std::function<void(Kind kind, std::uint64_t pts)> on_pes;

  void append(Bytes bytes) {
    rest_.insert(rest_.end(), bytes.begin(), bytes.end());
    std::size_t at = 0;
    for (; at + 188 <= rest_.size(); at += 188) read(Bytes(rest_).subspan(at, 188));
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(at));
  }

 private:
  void read(Bytes packet) {
    ASSERT_EQ(packet[0], 0x47);
    const bool begins = (packet[1] & 0x40) != 0;
    const bool has_payload = (packet[3] & 0x10) != 0;
    if (!begins || !has_payload) return;
    const std::size_t start = (packet[3] & 0x20) != 0 ? 5u + packet[4] : 4u;
    const Bytes pes = packet.subspan(std::min<std::size_t>(start, 188));
    if (pes.size() < 14 || pes[0] != 0 || pes[1] != 0 || pes[2] != 1 || (pes[7] & 0x80) == 0) return;
    const std::uint64_t pts = std::uint64_t{pes[9]} >> 1 & 7;
    const std::uint64_t middle = (std::uint64_t{pes[10]} << 8 | pes[11]) >> 1;
    const std::uint64_t low = (std::uint64_t{pes[12]} << 8 | pes[13]) >> 1;
    on_pes(pes[3] == 0xe0 ? Kind::video : Kind::audio, pts << 30 | middle << 15 | low);
  }

  ByteVector rest_;
};

// 30 days with HOLDFAST_PROVE=1, else long enough to pass the first wrap.
Duration run_time() {
  return std::getenv("HOLDFAST_PROVE") != nullptr ? std::chrono::hours(30 * 24) : std::chrono::hours(27);
}

class LongRunTest : public testing::Test {
 protected:
  LongRunTest() {
    options_.output.directory = "/recordings";
    options_.output.recording_id = "month";
    options_.output.audio = AudioMode::copy;
    options_.start_time = clock_.wall();
    options_.local = {recorder_at};
    reader_.on_pes = [this](Kind kind, std::uint64_t pts) { take(kind, pts); };
    disk_.on_append = [this](const std::string& path, Bytes more) {
      if (path.ends_with(".ts")) reader_.append(more);
    };
  }

  // Five pictures and five sounds a second.
  static Footage sparse() {
    FootageSettings settings;
    settings.frames_per_second = 5;
    settings.bits_per_second = 30'000;
    Footage footage = make_footage(settings);
    footage.audio_frame = 200ms;
    return footage;
  }

  // A frame is in the file: by how much its PTS is off the time at which it was sent.
  void take(Kind kind, std::uint64_t pts) {
    auto& sent = sent_[static_cast<std::size_t>(kind)];
    ASSERT_FALSE(sent.empty());
    auto& latest = latest_[static_cast<std::size_t>(kind)];
    // Unwrapped: the nearest to the one before (33 bits).
    constexpr std::int64_t wrap = std::int64_t{1} << 33;
    const std::int64_t step = (static_cast<std::int64_t>(pts) - latest) & (wrap - 1);
    if (static_cast<std::int64_t>(pts) < (latest & (wrap - 1))) wraps_ += kind == Kind::video;
    latest += step;
    error_[static_cast<std::size_t>(kind)] =
        to_seconds(media::to_duration(latest)) - to_seconds(sent.front() - start_);
    sent.pop_front();
    if (clock_.now() - start_ < 20s) return;  // both reports, and 5 s
    worst_ = std::max(worst_, std::abs(error_[0] - error_[1]));
  }

  EndlessDisk disk_;
  storage::WriteBudget budget_;
  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_{clock_, 1};
  SessionOptions options_;
  PtsReader reader_;
  Instant start_{};
  std::array<std::deque<Instant>, 2> sent_;  // by media::Kind: when the frames not yet in the file were sent
  std::array<std::int64_t, 2> latest_{};     // PTS, unwrapped
  std::array<double, 2> error_{};            // s
  double worst_ = 0;                         // s, sound against picture
  int wraps_ = 0;
};

// The sound card runs 200 ppm fast, the camera 200 ppm slow: in 30 days they would be 17 minutes apart.
TEST_F(LongRunTest, AMonthPassesThePtsWrapsInStep) {
  Recorder recorder(clock_, net_, recorder_at, disk_, options_, budget_);
  Studio studio(clock_, net_, studio_at, sparse(), {.video = media::Codec::h264, .audio = media::Codec::opus},
                1);
  studio.remembers = false;
  studio.drift(Kind::audio, 200);
  studio.drift(Kind::video, -200);
  studio.on_send = [this](Kind kind) { sent_[static_cast<std::size_t>(kind)].push_back(clock_.now()); };
  const auto answer = recorder.session.accept_offer(clock_.both(), studio.offer());
  ASSERT_TRUE(studio.publisher.accept_answer(clock_.now(), answer.value()).has_value());
  ASSERT_TRUE(clock_.run_until([&] { return studio.publisher.state() == peer::State::connected; }, 5s));
  clock_.run_for(50ms);
  start_ = clock_.now();
  studio.play(Kind::video);
  studio.play(Kind::audio);

  clock_.run_for(1h);
  const std::size_t after_an_hour = allocated_bytes();
  clock_.run_for(run_time() - 1h);
  const std::size_t at_the_end = allocated_bytes();

  const Status status = recorder.session.status(clock_.now());
  std::printf(
      "%.1f days: %d wraps of the PTS, sound against picture at most %.1f ms; %.2f MB after 1 h, %.2f MB at "
      "the end\n",
      to_seconds(run_time()) / 86'400, wraps_, worst_ * 1e3, static_cast<double>(after_an_hour) / 1e6,
      static_cast<double>(at_the_end) / 1e6);
  EXPECT_EQ(wraps_, static_cast<int>((to_seconds(run_time()) + 1) * 90'000 /
                                     static_cast<double>(std::int64_t{1} << 33)));
  EXPECT_LT(worst_, 0.040);
  EXPECT_LT(at_the_end, after_an_hour + (std::size_t{1} << 20));
  EXPECT_EQ(status.output_paths.size(), 1u);
  EXPECT_NEAR(to_seconds(status.duration), to_seconds(run_time()), 1);
  for (const TrackStatus& track : status.tracks) {
    EXPECT_EQ(track.packets.lost, 0u);
    EXPECT_EQ(track.filler_frames, 0u);
  }
}

}  // namespace
}  // namespace holdfast::recording

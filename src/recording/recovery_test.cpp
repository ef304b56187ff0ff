#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/test_seeds.hpp"
#include "codec/packetizer.hpp"
#include "recording/session_test.hpp"
#include "sim/sim_forwarder.hpp"

namespace holdfast::recording {
namespace {

using sim::Fate;

// make prove takes 200.
std::vector<std::uint64_t> seeds() {
  return test_seeds(std::getenv("HOLDFAST_PROVE") != nullptr ? 200 : 2);
}

// What the network does from server to recorder and back, and how much there is to send.
struct Conditions {
  std::string name;
  Duration round_trip;
  sim::Path down{};
  sim::Path up{};
  // Of video: 150 packets/s.
  std::size_t payload = 200;
  Duration frame = 33'333us;
  // In the middle of it nothing passes for so long ...
  Duration dark{};
  // ... or all that is sent to the recorder's former address, until signalling has restarted ICE.
  enum class Nat : std::uint8_t { steady, rebinds } nat = Nat::steady;
};

constexpr Duration clean_start = 500ms;
constexpr Duration impaired = 8s;
constexpr Duration longest_patience = 1500ms;

// Plays a publisher to a downtrack: a key frame first, then only when one is asked for.
class Camera final : public codec::PayloadSink {
 public:
  // LiveKit passes on one request a second, and the publisher takes its time.
  static constexpr Duration throttle = 1s;
  static constexpr Duration answer_time = 100ms;

  Camera(sim::SimClock& clock, sim::SimDowntrack& downtrack, const Conditions& conditions)
      : clock_(clock),
        downtrack_(downtrack),
        frame_(conditions.frame),
        packetizer_(codec::make_packetizer(media::Codec::h264, conditions.payload)) {}

  void play(Instant end) {
    if (clock_.now() >= end) return;
    if (downtrack_.take_key_frame_request() && clock_.now() >= asked_ + throttle) {
      asked_ = clock_.now();
      key_due_ = asked_ + answer_time;
    }
    const bool key = clock_.now() >= key_due_;
    if (key) key_due_ = never;
    const auto& frames = small_h264().video;
    const publish::EncodedFrame& frame = frames[key ? 0 : 1 + position_++ % 29];
    begins_ = key ? sim::SimDowntrack::Begins::key_frame : sim::SimDowntrack::Begins::nothing;
    timestamp_ += static_cast<std::uint32_t>(media::to_ticks(frame_));
    packetizer_->packetize(frame.payload, *this);
    clock_.schedule_in(frame_, [this, end] { play(end); });
  }

 private:
  void payload(Bytes payload, codec::Last last) override {
    downtrack_.forward(clock_.now(), payload, timestamp_, last == codec::Last::yes,
                       std::exchange(begins_, sim::SimDowntrack::Begins::nothing));
  }

  sim::SimClock& clock_;
  sim::SimDowntrack& downtrack_;
  const Duration frame_;
  std::unique_ptr<codec::Packetizer> packetizer_;
  std::size_t position_ = 0;
  std::uint32_t timestamp_ = 0;
  sim::SimDowntrack::Begins begins_{};
  Instant asked_{};
  Instant key_due_{};
};

class Microphone {
 public:
  Microphone(sim::SimClock& clock, sim::SimDowntrack& downtrack) : clock_(clock), downtrack_(downtrack) {}

  void play(Instant end) {
    if (clock_.now() >= end) return;
    const auto& frames = small_h264().audio;
    downtrack_.forward(clock_.now(), frames[position_++ % frames.size()].payload, timestamp_ += 960, false);
    clock_.schedule_in(20ms, [this, end] { play(end); });
  }

 private:
  sim::SimClock& clock_;
  sim::SimDowntrack& downtrack_;
  std::size_t position_ = 0;
  std::uint32_t timestamp_ = 0;
};

// What came of the packets of one track, or of many.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t lost_at_first = 0;  // their first copy was
  std::uint64_t all_copies_lost = 0;
  std::uint64_t out_of_history = 0;
  std::uint64_t ignored_after_pli = 0;
  std::uint64_t in_the_dark = 0;  // could not be asked for
  std::uint64_t lost = 0;         // by the recorder
  std::uint64_t resent = 0;
  std::uint64_t resent_in_vain = 0;

  std::uint64_t past_saving() const {
    return all_copies_lost + out_of_history + ignored_after_pli + in_the_dark;
  }
  Tally& operator+=(const Tally& more) {
    sent += more.sent;
    lost_at_first += more.lost_at_first;
    all_copies_lost += more.all_copies_lost;
    out_of_history += more.out_of_history;
    ignored_after_pli += more.ignored_after_pli;
    in_the_dark += more.in_the_dark;
    lost += more.lost;
    resent += more.resent;
    resent_in_vain += more.resent_in_vain;
    return *this;
  }
};

// One recording of a simulated LiveKit room under those conditions, from beginning to end.
class World {
 public:
  World(const Conditions& conditions, Duration window, std::uint64_t seed)
      : conditions_(conditions), net_(clock_, seed), server_(clock_, net_, studio_at, seed) {
    SessionOptions options;
    options.output.directory = "/recordings";
    options.output.recording_id = "m-1";
    options.output.audio = AudioMode::copy;
    options.start_time = clock_.wall();
    options.local = {recorder_at};
    options.recovery_window = window;
    EXPECT_TRUE(disk_.make_directories("/recordings").has_value());
    recorder_.emplace(clock_, net_, recorder_at, disk_, options, budget_);
  }

  void run() {
    video_ = &server_.add_video("TR_video", sdp::h264_codec());
    audio_ = &server_.add_audio("TR_audio");
    const sim::Path clean{.delay = conditions_.round_trip / 2};
    net_.both_ways(studio_at, recorder_at, clean);
    const auto answer = recorder_->session.accept_offer(clock_.both(), server_.offer());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_TRUE(server_.accept_answer(*answer).has_value());
    ASSERT_TRUE(clock_.run_until([&] { return server_.state() == peer::State::connected; }, 10s));
    clock_.run_for(conditions_.round_trip);  // until the recorder has its keys

    Camera camera(clock_, *video_, conditions_);
    Microphone microphone(clock_, *audio_);
    const Instant impaired_until = clock_.now() + clean_start + impaired;
    const Instant end = impaired_until + 3s;
    camera.play(end);
    microphone.play(end);
    clock_.run_for(clean_start);
    net_.path(studio_at, recorder_at) = conditions_.down;
    net_.path(recorder_at, studio_at) = conditions_.up;
    clock_.run_for(2s);
    cut();
    clock_.run_until(impaired_until);
    net_.both_ways(studio_at, recorder_at, clean);
    clock_.run_until(end + 1s);
    recorder_->finish(journal::EndReason::stopped);
    ASSERT_TRUE(clock_.run_until([&] { return recorder_->finished.has_value(); }, 10s));
  }

  Tally tally(Kind kind) {
    const sim::SimDowntrack& downtrack = kind == Kind::video ? *video_ : *audio_;
    // Where nothing is lost at random the first question is enough.
    const Duration patience = conditions_.down.loss > 0 || conditions_.dark == Duration{}
                                  ? longest_patience
                                  : conditions_.round_trip + 100ms;
    Tally tally;
    tally.sent = downtrack.counters().forwarded;
    tally.lost_at_first = downtrack.counters().first_copy_lost;
    tally.resent = downtrack.counters().resent;
    tally.resent_in_vain = downtrack.counters().resent_in_vain;
    tally.all_copies_lost = downtrack.count(Fate::all_copies_lost, patience);
    tally.out_of_history = downtrack.count(Fate::out_of_history, patience);
    tally.ignored_after_pli = downtrack.count(Fate::ignored_after_pli, patience);
    tally.in_the_dark = downtrack.known(patience, dark_).past_saving - downtrack.known(patience).past_saving;
    tally.lost = packets(kind).lost;
    return tally;
  }
  PacketCounts packets(Kind kind) {
    const Status status = recorder_->session.status(clock_.now());
    return std::ranges::find(status.tracks, kind, &TrackStatus::kind)->packets;
  }

 private:
  void cut() {
    if (conditions_.nat == Conditions::Nat::rebinds) {
      net_.rebind(recorder_at, Endpoint{IpAddress::from_v4(203, 0, 113, 7), 40'000});
      clock_.schedule_in(conditions_.dark, [this] { restart_ice(); });
    } else if (conditions_.dark > Duration{}) {
      net_.black_out(studio_at, recorder_at, conditions_.dark);
    }
    if (conditions_.dark > Duration{}) dark_.push_back({clock_.now(), clock_.now() + conditions_.dark});
  }
  void restart_ice() {
    const auto answer = recorder_->session.accept_offer(clock_.both(), server_.restart_offer());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_TRUE(server_.accept_answer(*answer).has_value());
  }

  const Conditions& conditions_;
  storage::WriteBudget budget_;
  sim::SimDisk disk_;
  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_;
  sim::SimForwarder server_;
  std::optional<Recorder> recorder_;
  sim::SimDowntrack* video_ = nullptr;
  sim::SimDowntrack* audio_ = nullptr;
  std::vector<sim::SimDowntrack::Dark> dark_;
};

void print_row(const std::string& name, const Tally& tally, const Tally& without_waiting) {
  static bool headed = false;
  if (!std::exchange(headed, true)) {
    std::printf("%-26s %9s %9s %9s | %7s %7s %7s %7s | %7s %9s | %8s %7s\n", "", "sent", "lost at", "lost by",
                "all 4", "out of", "after", "in the", "past", "without", "resent", "in");
    std::printf("%-26s %9s %9s %9s | %7s %7s %7s %7s | %7s %9s | %8s %7s\n", "", "", "first", "recorder",
                "lost", "history", "PLI", "dark", "saving", "waiting", "", "vain");
  }
  std::printf("%-26s %9ju %9ju %9ju | %7ju %7ju %7ju %7ju | %7ju %9ju | %8ju %7ju\n", name.c_str(),
              tally.sent, tally.lost_at_first, tally.lost, tally.all_copies_lost, tally.out_of_history,
              tally.ignored_after_pli, tally.in_the_dark, tally.past_saving(), without_waiting.lost,
              tally.resent, tally.resent_in_vain);
}

class RecoveryTest : public testing::TestWithParam<Conditions> {};

// Past saving is a packet of which no copy arrived, and of which no more copies were to be had: the server
// had sent it four times, no longer kept it when the recorder's patience ended, answered no NACK because it
// awaited a key frame, or could not be reached.
TEST_P(RecoveryTest, TheRecorderLosesExactlyWhatWasPastSaving) {
  const Conditions& conditions = GetParam();
  // The recorder that does not wait has time for one question and its answer.
  const Duration one_round_trip = conditions.round_trip + 30ms;
  Tally all;
  Tally without_waiting;
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE(testing::Message() << "replay with HOLDFAST_SEED=" << seed << " HOLDFAST_SEEDS=1");
    {
      World world(conditions, longest_patience, seed);
      world.run();
      if (HasFatalFailure()) return;
      for (const Kind kind : {Kind::video, Kind::audio}) {
        const Tally tally = world.tally(kind);
        const PacketCounts counts = world.packets(kind);
        EXPECT_EQ(counts.expected, tally.sent) << media::to_string(kind);
        EXPECT_EQ(counts.pending, 0u) << media::to_string(kind);
        EXPECT_EQ(counts.lost, tally.past_saving()) << media::to_string(kind);
        EXPECT_EQ(counts.late, 0u) << media::to_string(kind);
        // Where nothing overtakes, what came by itself and what was recovered are told apart exactly.
        if (conditions.down.reorder == 0) {
          const std::uint64_t recovered = kind == Kind::video ? counts.recovered_rtx : counts.recovered_nack;
          EXPECT_EQ(recovered, tally.lost_at_first - counts.lost) << media::to_string(kind);
          EXPECT_EQ(recovered, counts.recovered) << media::to_string(kind);
        }
        all += tally;
      }
    }
    World impatient(conditions, one_round_trip, seed);
    impatient.run();
    if (HasFatalFailure()) return;
    for (const Kind kind : {Kind::video, Kind::audio}) without_waiting += impatient.tally(kind);
  }
  print_row(conditions.name, all, without_waiting);
}

std::vector<Conditions> all_conditions() {
  std::vector<Conditions> all;
  for (const Duration round_trip : {20ms, 80ms, 200ms}) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(round_trip).count();
    for (const int loss : {1, 5, 10, 20}) {
      const sim::Path path{.delay = round_trip / 2, .jitter = 5ms, .loss = loss / 100.0};
      all.push_back({"loss" + std::to_string(loss) + "_rtt" + std::to_string(ms), round_trip, path, path});
    }
  }
  for (const Duration round_trip : {20ms, 80ms, 200ms}) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(round_trip).count();
    const sim::Path bursts{
        .delay = round_trip / 2, .jitter = 5ms, .burst_loss = 0.005, .burst_datagrams = 20};
    sim::Path up = bursts;
    up.burst_loss = 0;
    up.loss = 0.05;
    all.push_back({"bursts20_rtt" + std::to_string(ms), round_trip, bursts, up});
  }
  const sim::Path disorder{
      .delay = 40ms, .jitter = 5ms, .reorder = 0.05, .reorder_delay = 10ms, .reorder_jitter = 190ms};
  all.push_back({"reorder200ms_rtt80", 80ms, disorder, disorder});
  sim::Path lossy = disorder;
  lossy.loss = 0.05;
  all.push_back({"reorder200ms_loss5_rtt80", 80ms, lossy, lossy});
  const sim::Path wild{
      .delay = 40ms, .jitter = 30ms, .loss = 0.1, .reorder = 0.02, .duplicate = 0.05, .corrupt = 0.02};
  all.push_back({"everything_rtt80", 80ms, wild, wild});
  // As many packets a second as 8 Mb/s are: the server keeps 0.6 s.
  const sim::Path fast{.delay = 100ms, .jitter = 5ms, .loss = 0.1};
  all.push_back({"fast_loss10_rtt200", 200ms, fast, fast, 64, 9600us});
  for (const int loss : {0, 5}) {
    const sim::Path path{.delay = 40ms, .jitter = 5ms, .loss = loss / 100.0};
    const std::string under = fmt::format("_loss{}_rtt80", loss);
    for (const int seconds : {1, 5}) {
      Conditions dark{fmt::format("dark{}s", seconds) + under, 80ms, path, path};
      dark.dark = std::chrono::seconds(seconds);
      all.push_back(dark);
    }
    Conditions rebinds{"nat_rebinds" + under, 80ms, path, path};
    rebinds.nat = Conditions::Nat::rebinds;
    rebinds.dark = 1s;
    all.push_back(rebinds);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Networks, RecoveryTest, testing::ValuesIn(all_conditions()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace holdfast::recording

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/reader.hpp"
#include "recording/media_file_test.hpp"
#include "recording/session.hpp"
#include "recording/studio_test.hpp"
#include "sim/sim_clock.hpp"
#include "sim/sim_disk.hpp"
#include "sim/sim_net.hpp"
#include "sim/time_of_day.hpp"

namespace holdfast::recording {

using namespace std::chrono_literals;
using media::Kind;

inline double seconds(media::Ticks ticks) {
  return static_cast<double>(ticks) / media::ticks_per_second;
}

// Runs each job a little later, in order, on the simulated clock.
class SimExecutor final : public Executor {
 public:
  SimExecutor(sim::SimClock& clock, Duration latency) : clock_(clock), latency_(latency) {}
  void post(Job job) override { clock_.schedule_in(latency_, std::move(job)); }

 private:
  sim::SimClock& clock_;
  const Duration latency_;
};

// A recording session behind a simulated socket, driven as io::Worker drives it: what comes is handed over at
// once, the tick follows within 5 ms.
class Recorder final : private SessionEvents {
 public:
  static constexpr Duration tick_interval = 5ms;

  Recorder(sim::SimClock& clock, sim::SimNet& net, const Endpoint& at, Disk& disk, SessionOptions options,
           storage::WriteBudget& budget)
      : clock_(clock),
        budget_(budget),
        session(std::move(options),
                {random_,
                 certificate(),
                 packets_,
                 {disk, storage_, worker_, budget_, [&clock] { return clock.now(); }, &syncer_},
                 pool_},
                *this, clock.both()),
        out(net.attach(at, [this](const Endpoint& from, Bytes datagram) { take(from, datagram); })) {
    clock.drive([this] { return finished || dead_ ? never : session.deadline(); },
                [this](Instant) { tick(); });
  }
  // kill -9: it does nothing more.
  void kill() { dead_ = true; }

  void finish(journal::EndReason reason) {
    session.finish(reason, clock_.both(), out, [this](Result<void> result) {
      finished = std::move(result);
      if (on_finished) on_finished();
    });
  }
  std::size_t most_on_the_way() const { return most_on_the_way_; }
  std::size_t packets_waiting() const { return packets_.in_use(); }

 private:
  static std::shared_ptr<const dtls::Certificate> certificate() {
    static const auto made = dtls::Certificate::generate().value();
    return made;
  }
  void take(const Endpoint& from, Bytes datagram) {
    if (dead_) return;
    scratch_.assign(datagram.begin(), datagram.end());
    session.handle_datagram(clock_.now(), from, scratch_, out);
    if (std::exchange(tick_pending_, true)) return;
    clock_.schedule_in(tick_interval, [this] {
      tick_pending_ = false;
      if (!finished && !dead_) tick();
    });
  }
  void tick() {
    session.handle_tick(clock_.both(), out);
    ASSERT_TRUE(session.ledgers_hold());
    most_on_the_way_ = std::max(most_on_the_way_, budget_.used());
    if (on_tick) on_tick();
  }
  void on_connection_lost(std::string_view why) override { lost_because = why; }
  void on_limit(journal::EndReason reason) override { limit_reached = reason; }

  sim::SimClock& clock_;
  SeededRandom random_{99};
  rtp::PacketPool packets_{4096};
  storage::WriteBudget& budget_;
  SimExecutor storage_{clock_, 1ms};
  SimExecutor worker_{clock_, 0ms};
  SimExecutor syncs_{clock_, 8ms};
  storage::Syncer syncer_{{storage_, syncs_, worker_}, 1s, [this] { return clock_.now(); }};
  SimExecutor pool_{clock_, 2ms};
  ByteVector scratch_;
  bool tick_pending_ = false;
  bool dead_ = false;
  std::size_t most_on_the_way_ = 0;

 public:
  Session session;
  Outbox& out;
  std::function<void()> on_tick;
  std::function<void()> on_finished;
  std::optional<Result<void>> finished;
  std::optional<journal::EndReason> limit_reached;
  std::string lost_because;
};

inline const Endpoint studio_at{IpAddress::from_v4(192, 0, 2, 1), 1000};
inline const Endpoint second_studio_at{IpAddress::from_v4(192, 0, 2, 1), 1001};
inline const Endpoint recorder_at{IpAddress::from_v4(192, 0, 2, 2), 2000};
inline const Endpoint successor_at{IpAddress::from_v4(192, 0, 2, 2), 2001};

// A publisher, a recording of it, and what lies between and behind them, all simulated.
class SessionTest : public testing::Test {
 protected:
  static constexpr std::uint64_t seed = 4711;

  SessionTest() {
    options.output.directory = "/recordings";
    options.output.recording_id = "m-1_20260101T000000.000Z";
    options.output.mint_id = "m-1";
    options.start_time = clock.wall();
    options.local = {recorder_at};
    EXPECT_TRUE(disk.make_directories("/recordings").has_value());
  }

  // To be set before the first publisher.
  SessionOptions options;
  std::size_t budget = std::size_t{512} << 20;  // bytes on their way to the disk
  bool lists_ssrcs = true;                      // the publishers' offers
  enum class Tracks { both, video, audio };

  Recorder& recorder() {
    if (!recorder_) {
      if (!budget_) budget_.emplace(budget);
      recorder_ = std::make_unique<Recorder>(clock, net, options.local.front(), disk, options, *budget_);
      recorder_->on_tick = [this] { watch_growth(); };
    }
    return *recorder_;
  }
  Session& session() { return recorder().session; }
  // kill -9. The next recorder lives at another address.
  void kill_recorder() {
    disk.kill_process();
    recorder_->kill();
    dead_.push_back(std::move(recorder_));
    options.local = {successor_at};
    size_ = 0;
  }
  Studio& studio() { return *studios_.back(); }

  // A publisher comes and is connected; nothing is played yet.
  void connect(Tracks tracks = Tracks::both, const Footage& footage = small_h264()) {
    publish::PublisherOptions publishes;
    if (tracks != Tracks::audio) publishes.video = footage.video.front().codec;
    if (tracks != Tracks::video) publishes.audio = media::Codec::opus;
    const Endpoint& at = studios_.empty() ? studio_at : second_studio_at;
    if (!studios_.empty()) session().reconnect(clock.both());
    studios_.push_back(std::make_unique<Studio>(clock, net, at, footage, publishes, seed + studios_.size()));
    std::string offer = studio().offer();
    if (!lists_ssrcs) strip_ssrcs(offer);
    const auto answer = session().accept_offer(clock.both(), offer);
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto accepted = studio().publisher.accept_answer(clock.now(), *answer);
    ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
    ASSERT_TRUE(clock.run_until([&] { return studio().publisher.state() == peer::State::connected; }, 5s));
    clock.run_for(50ms);
  }
  void play(Kind kind) { studio().play(kind); }
  void play_both() {
    play(Kind::video);
    play(Kind::audio);
  }
  void stop_both() {
    studio().stop(Kind::video);
    studio().stop(Kind::audio);
  }
  // As a LiveKit room tells of a track; what is not announced is not recorded then.
  void announce(Kind kind, bool muted) {
    const AnnouncedTrack track{studio().track_id(kind), muted};
    session().announce(clock.both(), kind, &track);
  }
  void run_for(Duration span) { clock.run_for(span); }
  // What is under way arrives, then the recording ends.
  void finish(journal::EndReason reason = journal::EndReason::stopped) {
    stop_both();
    run_for(50ms);
    recorder().finish(reason);
    ASSERT_TRUE(clock.run_until([&] { return recorder().finished.has_value(); }, 30s));
    EXPECT_TRUE(recorder().finished->has_value()) << recorder().finished->error().message;
  }

  Status status() { return session().status(clock.now()); }
  State state() { return status().state; }
  const PacketCounts packets(Kind kind) { return track_status(kind).packets; }
  TrackStatus track_status(Kind kind) {
    const Status now = status();
    const auto found = std::ranges::find(now.tracks, kind, &TrackStatus::kind);
    EXPECT_NE(found, now.tracks.end());
    return found == now.tracks.end() ? TrackStatus{} : *found;
  }

  // What is on the disk.
  ByteVector bytes(std::size_t part = 0) {
    const auto paths = status().output_paths;
    EXPECT_LT(part, paths.size());
    return part < paths.size() ? disk.content(paths[part]) : ByteVector{};
  }
  MediaFile file(std::size_t part = 0) { return read_media_file(bytes(part)); }
  journal::Lines journal() {
    return journal::parse(disk.content("/recordings/m-1_20260101T000000.000Z.journal.jsonl"));
  }
  template <typename Event>
  std::vector<Event> events() {
    std::vector<Event> found;
    for (const journal::Entry& entry : journal().entries) {
      if (const auto* event = std::get_if<Event>(&entry.event)) found.push_back(*event);
    }
    return found;
  }

  // The longest time so far in which the files did not grow, from the first byte to now.
  Duration longest_standstill() {
    return std::max(longest_standstill_, grew_at_ ? clock.now() - *grew_at_ : Duration{});
  }
  void forget_standstill() {
    longest_standstill_ = {};
    if (grew_at_) grew_at_ = clock.now();
  }
  std::optional<Instant> first_byte_at() const { return first_byte_at_; }

  std::vector<ByteVector> sent_pictures() const {
    std::vector<ByteVector> pictures;
    for (const auto& each : studios_) {
      for (const ByteVector& frame : each->sent(Kind::video)) pictures.push_back(picture_of(frame));
    }
    return pictures;
  }

  // What jobs still queued refer to outlives the clock.
  std::optional<storage::WriteBudget> budget_;
  sim::SimDisk disk;
  sim::SimClock clock;
  sim::TimeOfDay time_of_day{clock};
  sim::SimNet net{clock, seed};

 private:
  static void strip_ssrcs(std::string& offer) {
    for (std::size_t at = 0; (at = offer.find("a=ssrc", at)) != std::string::npos;)
      offer.erase(at, offer.find('\n', at) + 1 - at);
  }
  void watch_growth() {
    const std::uint64_t size = recorder_->session.status(clock.now()).file_size_bytes;
    if (size == size_) return;
    size_ = size;
    if (grew_at_) longest_standstill_ = std::max(longest_standstill_, clock.now() - *grew_at_);
    if (!first_byte_at_) first_byte_at_ = clock.now();
    grew_at_ = clock.now();
  }

  std::unique_ptr<Recorder> recorder_;
  std::vector<std::unique_ptr<Recorder>> dead_;
  std::vector<std::unique_ptr<Studio>> studios_;
  std::uint64_t size_ = 0;
  std::optional<Instant> grew_at_;
  std::optional<Instant> first_byte_at_;
  Duration longest_standstill_{};
};

}  // namespace holdfast::recording

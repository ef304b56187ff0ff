#include "recording/live_test.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/test_seeds.hpp"

namespace holdfast::recording {
namespace {

using livekit::wire::Leave;
using sim::SimRoom;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Duration patience = 1500ms;

// What the network does to media, both ways.
struct Network {
  const char* name;
  sim::Path path;
};

// NOLINTNEXTLINE(readability-identifier-naming): gtest looks for it
void PrintTo(const Network& network, std::ostream* out) {
  *out << network.name;
}

// A recorder in a LiveKit room on a bad day, and what is known of it.
class Day {
 public:
  Day(const Network& network, std::uint64_t seed)
      : seed_(seed),
        lossy_(network.path.loss > 0),
        net_(clock_, seed),
        room(clock_, net_, studio_at, seed),
        alice(clock_, room) {
    net_.both_ways(studio_at, recorder_at, network.path);
    session.output.directory = "/recordings";
    session.output.recording_id = "m-1";
    session.output.audio = AudioMode::copy;
    session.start_time = clock_.wall();
    session.local = {recorder_at};
    session.nack = Nack::always;
    membership.recording_id = "m-1";
    membership.mint_id = "m-1";
    membership.access.server_url = "ws://server";
    membership.access.api_key = "key";
    membership.access.api_secret = "secret";
    membership.wait_limit = 60s;
    EXPECT_TRUE(disk_.make_directories("/recordings").has_value());
  }

  // Alice is live and recorded.
  void begin() {
    recorder_.emplace(LiveRecorder::World{clock_, net_, room, disk_, budget_}, session, membership, seed_);
    alice.publish();
    recorder_->start();
    ASSERT_TRUE(clock_.run_until([&] { return state() == State::recording; }, 10s));
    pass(5s);
  }
  void pass(Duration span) { clock_.run_for(span); }
  Instant now() const { return clock_.now(); }
  // Nothing is lost from now on, and what was is recovered: a recorder does not know of what is lost last.
  void calm() {
    net_.both_ways(studio_at, recorder_at, {.delay = 20ms});
    pass(2s);
  }
  // No datagram passes between the recorder and the server.
  void black_out(Duration span) {
    net_.black_out(studio_at, recorder_at, span);
    dark_.push_back({now(), now() + span});
  }
  // The recorder's NAT maps it elsewhere: what is sent to its former address is lost.
  void rebind() {
    const auto port = static_cast<std::uint16_t>(40'000 + dark_.size());
    net_.rebind(recorder_at, Endpoint{IpAddress::from_v4(203, 0, 113, 7), port});
    dark_.push_back({now(), now() + 20s});
  }
  // Everything stands as it did at first.
  void expect_well() {
    EXPECT_EQ(state(), State::recording);
    EXPECT_TRUE(room.has_session());
  }
  // What is under way arrives, and the recording ends; every packet is accounted for.
  void end() {
    calm();
    alice.stop();
    pass(1900ms);  // longer than the recorder's patience, shorter than a gap
    recorder_->finish(journal::EndReason::stopped);
    await_end();
  }
  void await_end() {
    ASSERT_TRUE(clock_.run_until([&] { return recorder_->finished(); }, 10s));
    EXPECT_EQ(status().output_paths.size(), 1u);
    for (const Kind kind : {Kind::video, Kind::audio}) {
      const PacketCounts counts = track(kind).packets;
      const auto known = room.known(kind == Kind::video ? 90'000 : 48'000, patience, dark_);
      EXPECT_EQ(counts.pending, 0u) << media::to_string(kind);
      EXPECT_EQ(counts.lost, known.past_saving) << media::to_string(kind);
      EXPECT_EQ(known.tries_left, 0u) << media::to_string(kind);
    }
  }
  // How long nothing came around that time, as the network knows it.
  Duration silence_at(Instant when) const {
    Instant before{};
    Instant after = never;
    for (const Instant arrival : room.arrivals()) {
      if (arrival <= when) before = std::max(before, arrival);
      if (arrival > when) after = std::min(after, arrival);
    }
    return after - before;
  }

  Status status() { return recorder_->session().status(clock_.now()); }
  State state() { return status().state; }
  TrackStatus track(Kind kind) {
    const Status now = status();
    return *std::ranges::find(now.tracks, kind, &TrackStatus::kind);
  }
  LiveRecorder& recorder() { return *recorder_; }
  MediaFile file() { return read_media_file(disk_.content(status().output_paths.at(0))); }
  template <typename Event>
  std::vector<Event> events() {
    std::vector<Event> found;
    for (const auto& entry : journal::parse(disk_.content("/recordings/m-1.journal.jsonl")).entries) {
      if (const auto* event = std::get_if<Event>(&entry.event)) found.push_back(*event);
    }
    return found;
  }
  // For each gap its cause.
  std::vector<std::string> gaps() {
    std::vector<std::string> causes;
    for (const auto& gap : events<journal::GapEvent>()) causes.push_back(gap.cause);
    return causes;
  }
  std::vector<std::string> reconnects() {
    std::vector<std::string> causes;
    for (const auto& event : events<journal::ReconnectEvent>()) causes.push_back(event.cause);
    return causes;
  }
  // The journal's gaps are that one, of the length that the network knows.
  void expect_gap_at(Instant when, const std::string& cause) {
    ASSERT_THAT(gaps(), ElementsAre(cause));
    const auto gap = events<journal::GapEvent>().front();
    // Where a publisher left, what was lost of his last packets may come again behind the blank tail, and
    // then is no sign of him.
    const double tolerance = cause == "left" && lossy_ ? 0.25 : 0.05;
    EXPECT_NEAR(seconds(gap.to_pts - gap.from_pts), to_seconds(silence_at(when)), tolerance);
  }
  void expect_no_gap() { EXPECT_THAT(gaps(), IsEmpty()); }
  // The last picture and the last sound are as far apart in the file as they were in the world.
  void expect_in_step() {
    const MediaFile recorded = file();
    const double in_file = seconds(recorded.video().packets.back().pts - recorded.audio().packets.back().pts);
    EXPECT_NEAR(in_file, to_seconds(alice.last_picture - alice.last_sound), 0.04);
  }

  SessionOptions session;
  livekit::Membership::Options membership;

 private:
  const std::uint64_t seed_;
  const bool lossy_;
  storage::WriteBudget budget_{std::size_t{512} << 20};
  sim::SimDisk disk_;
  sim::SimClock clock_;
  sim::TimeOfDay time_of_day_{clock_};
  sim::SimNet net_;
  std::vector<sim::SimDowntrack::Dark> dark_;

 public:
  SimRoom room;
  Broadcaster alice;

 private:
  std::optional<LiveRecorder> recorder_;
};

struct Scenario {
  const char* name;
  void (*play)(Day& day);
};

// NOLINTNEXTLINE(readability-identifier-naming): gtest looks for it
void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

const std::vector<Scenario> scenarios{
    {"SignallingIsCutFor20SecondsWithMediaAlive",
     [](Day& day) {
       day.begin();
       day.room.cut_signalling(SimRoom::Cut::broken, 20s);
       day.pass(40s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_THAT(day.reconnects(), ElementsAre("resume"));
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"SignallingIsSilentFor20SecondsWithMediaAlive",
     [](Day& day) {
       day.begin();
       day.room.cut_signalling(SimRoom::Cut::silent, 20s);
       day.pass(60s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"TheServerIsKilledAndComesBack",
     [](Day& day) {
       day.begin();
       day.room.kill();
       const Instant killed = day.now();
       day.pass(6s);
       day.room.revive();
       day.alice.publish();
       day.pass(20s);
       day.expect_well();
       day.end();
       day.expect_gap_at(killed + 1s, "server");
       EXPECT_THAT(day.reconnects(), ElementsAre("rejoin"));
       day.expect_in_step();
     }},
    {"ThePublisherIsAwayFor30SecondsAndComesBackUnderANewSid",
     [](Day& day) {
       day.begin();
       day.room.leave("alice");
       const Instant left = day.now();
       day.pass(30s);
       EXPECT_EQ(day.state(), State::gap);
       day.alice.publish();
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_gap_at(left + 1s, "left");
       EXPECT_THAT(day.reconnects(), IsEmpty());
       day.expect_in_step();
     }},
    {"ATrackIsUnpublishedAndPublishedAgain",
     [](Day& day) {
       day.begin();
       day.room.unpublish(*day.alice.video);
       day.pass(8s);
       EXPECT_EQ(day.state(), State::recording);
       day.alice.publish_video(livekit::camera("TR_again"));
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       day.expect_in_step();
     }},
    {"TheCameraIsReplacedByTheScreen",
     [](Day& day) {
       day.begin();
       SimRoom::Track& camera = *day.alice.video;
       livekit::wire::Track screen = livekit::screen("TR_screen");
       screen.set_mime_type("video/H264");
       day.alice.publish_video(screen);
       day.pass(2s);
       day.room.unpublish(camera);
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       day.expect_in_step();
     }},
    {"BothAreMutedFor30Seconds",
     [](Day& day) {
       day.begin();
       day.alice.mute(true);
       day.pass(30s);
       day.alice.mute(false);
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_THAT(day.events<journal::MuteEvent>(), SizeIs(4));
       day.expect_in_step();
     }},
    {"TheCameraIsMutedFor30Seconds",
     [](Day& day) {
       day.begin();
       day.room.mute(*day.alice.video, true);
       day.pass(30s);
       day.room.mute(*day.alice.video, false);
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_THAT(day.events<journal::MuteEvent>(), SizeIs(2));
       day.expect_in_step();
     }},
    {"TheMicrophoneIsMutedFor30Seconds",
     [](Day& day) {
       day.begin();
       day.room.mute(*day.alice.microphone, true);
       day.pass(30s);
       day.room.mute(*day.alice.microphone, false);
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_THAT(day.events<journal::MuteEvent>(), SizeIs(2));
       day.expect_in_step();
     }},
    {"LayersSwitch",
     [](Day& day) {
       static const Footage large = make_footage({.width = 320, .height = 180});
       day.begin();
       for (const Footage* layer : {&large, &small_h264(), &large}) {
         day.alice.switch_layer(*layer);
         day.pass(3s);
       }
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_EQ(day.track(Kind::video).width, 320);
       day.expect_in_step();
     }},
    {"TheServerShutsDownAndAnotherTakesOver",
     [](Day& day) {
       day.begin();
       day.room.end_session(livekit::wire::SERVER_SHUTDOWN, Leave::DISCONNECT);
       day.room.kill();
       const Instant down = day.now();
       day.pass(5s);
       day.room.revive();
       day.alice.publish();
       day.pass(20s);
       day.expect_well();
       day.end();
       day.expect_gap_at(down + 1s, "server");
       EXPECT_THAT(day.reconnects(), ElementsAre("rejoin"));
     }},
    {"AnotherSessionOfItsIdentityIsNotFought",
     [](Day& day) {
       day.begin();
       day.calm();
       day.room.end_session(livekit::wire::DUPLICATE_IDENTITY, Leave::DISCONNECT);
       day.await_end();
       EXPECT_EQ(day.recorder().outcome, livekit::Outcome::refused);
       day.pass(60s);
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"ATokenThatExpiredIsAskedForAgain",
     [](Day& day) {
       livekit::TokenEndpointConfig config;
       config.url = "http://site/{mint_id}";
       static const auto endpoint = livekit::TokenEndpoint::create(config).value();
       day.membership.access.endpoint = &endpoint;
       day.begin();
       EXPECT_EQ(day.recorder().asked, 1u);
       day.room.expire_tokens();
       day.room.cut_signalling(SimRoom::Cut::broken, 2s);
       day.pass(30s);
       day.expect_well();
       day.end();
       EXPECT_EQ(day.recorder().asked, 2u);
       EXPECT_EQ(day.room.refused_tokens(), 1u);
       EXPECT_EQ(day.room.joins(), 2u);
     }},
    {"OwnTokensThatExpiredAreMadeAgain",
     [](Day& day) {
       day.begin();
       day.room.expire_tokens();
       day.room.cut_signalling(SimRoom::Cut::broken, 2s);
       day.pass(30s);
       day.expect_well();
       day.end();
       EXPECT_EQ(day.room.joins(), 2u);
     }},
    {"SilenceOf59SecondsGoesOn",
     [](Day& day) {
       day.begin();
       day.room.leave("alice");
       const Instant left = day.now();
       day.pass(58s);
       day.alice.publish();
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_gap_at(left + 1s, "left");
     }},
    {"SilenceOf61SecondsEndsIt",
     [](Day& day) {
       day.begin();
       day.room.leave("alice");
       const Instant left = day.now();
       day.pass(59s);
       EXPECT_FALSE(day.recorder().finished());
       day.await_end();
       EXPECT_EQ(day.recorder().limit, journal::EndReason::gap_limit);
       EXPECT_NEAR(to_seconds(day.now() - left), 60, 1);
     }},
    {"TheRecordersAddressChanges",
     [](Day& day) {
       day.begin();
       day.rebind();
       day.pass(40s);
       day.expect_well();
       day.end();
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"MediaIsDarkFor5Seconds",
     [](Day& day) {
       day.begin();
       day.black_out(5s);
       const Instant dark = day.now();
       day.pass(20s);
       day.expect_well();
       day.end();
       day.expect_gap_at(dark + 1s, "network");
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"EverythingIsDarkFor5Seconds",
     [](Day& day) {
       day.begin();
       day.black_out(5s);
       day.room.cut_signalling(SimRoom::Cut::silent, 5s);
       const Instant dark = day.now();
       day.pass(20s);
       day.expect_well();
       day.end();
       day.expect_gap_at(dark + 1s, "network");
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"EverythingIsDarkFor25Seconds",
     [](Day& day) {
       day.begin();
       day.black_out(25s);
       day.room.cut_signalling(SimRoom::Cut::silent, 25s);
       const Instant dark = day.now();
       day.pass(50s);
       day.expect_well();
       day.end();
       day.expect_gap_at(dark + 1s, "network");
     }},
};

const std::vector<Network> networks{
    {"clean", {.delay = 20ms}},
    {"loss5", {.delay = 20ms, .jitter = 5ms, .loss = 0.05}},
};

class LiveTest : public testing::TestWithParam<std::tuple<Scenario, Network>> {};

TEST_P(LiveTest, GoesAsItShould) {
  const auto& [scenario, network] = GetParam();
  for (const std::uint64_t seed : test_seeds(std::getenv("HOLDFAST_PROVE") != nullptr ? 200 : 2)) {
    SCOPED_TRACE(testing::Message() << "replay with HOLDFAST_SEED=" << seed << " HOLDFAST_SEEDS=1");
    Day day(network, seed);
    scenario.play(day);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, LiveTest,
                         testing::Combine(testing::ValuesIn(scenarios), testing::ValuesIn(networks)),
                         [](const auto& tested) {
                           return std::string(std::get<0>(tested.param).name) + "_" +
                                  std::get<1>(tested.param).name;
                         });

}  // namespace
}  // namespace holdfast::recording

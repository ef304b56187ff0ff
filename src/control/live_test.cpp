#include "control/live_test.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "audit/report_json.hpp"
#include "audit/verify.hpp"
#include "base/test_seeds.hpp"
#include "storage/naming.hpp"

namespace holdfast::control {
namespace {

using livekit::wire::Leave;
using media::Kind;
using recording::MediaFile;
using recording::PacketCounts;
using recording::recorder_at;
using recording::seconds;
using recording::small_h264;
using recording::State;
using recording::Status;
using recording::studio_at;
using recording::TrackStatus;
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
      : lossy_(network.path.loss > 0), world_(seed), seat_(world_.add_seat()), room(seat_.room) {
    world_.path = network.path;
    room.has_keys = [this] { return process_ && process_->workers.opened() > 0 && session().connected(); };
    settings = live_settings();
  }

  // Alice is live and recorded.
  void begin() {
    process_.emplace(world_, settings);
    world_.join("alice");
    const auto started = process_->plane->start({.mint_id = "m-1"});
    ASSERT_TRUE(started) << started.error().message;
    id_ = std::get<Status>(*started).recording_id;
    ASSERT_TRUE(
        clock_.run_until([&] { return process_->workers.opened() > 0 && state() == State::recording; }, 10s));
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
    alice().stop();
    pass(1900ms);  // longer than the recorder's patience, shorter than a gap
    process_->plane->stop("m-1", [](const Result<Stopped>& stopped) { EXPECT_TRUE(stopped); });
    await_end();
    EXPECT_EQ(final_status().error, "");
  }
  void await_end() {
    ASSERT_TRUE(clock_.run_until([&] { return is_over(); }, 10s));
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

  // As the session has it, without the way to the control thread.
  Status status() { return session().status(clock_.now()); }
  // As the control plane has it.
  Status final_status() { return process_->plane->recordings().status("m-1").at(0); }
  bool is_over() { return process_->plane->recordings().empty(); }
  State state() { return status().state; }
  TrackStatus track(Kind kind) {
    const Status now = status();
    return *std::ranges::find(now.tracks, kind, &TrackStatus::kind);
  }
  std::uint64_t asked() const { return process_->network.asked; }
  MediaFile file() { return recording::read_media_file(disk_.content(status().output_paths.at(0))); }
  template <typename Event>
  std::vector<Event> events() {
    std::vector<Event> found;
    for (const auto& entry :
         journal::parse(disk_.content("/recordings/" + storage::journal_name(id_))).entries) {
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
    EXPECT_NEAR(in_file, to_seconds(alice().last_picture - alice().last_sound), 0.04);
  }

  Broadcaster& alice() { return seat_.people.front(); }

  Settings settings;

 private:
  recording::Session& session() { return process_->workers.session(0); }

  const bool lossy_;
  SimWorld world_;
  SimWorld::Seat& seat_;
  sim::SimClock& clock_ = world_.clock;
  sim::SimNet& net_ = world_.net;
  sim::SimDisk& disk_ = world_.disk;
  std::vector<sim::SimDowntrack::Dark> dark_;
  std::string id_;
  std::optional<Process> process_;

 public:
  SimRoom& room;
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
       day.alice().publish();
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
       day.alice().publish();
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
       day.room.unpublish(*day.alice().video);
       day.pass(8s);
       EXPECT_EQ(day.state(), State::recording);
       day.alice().publish_video(livekit::camera("TR_again"));
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       day.expect_in_step();
     }},
    {"TheCameraIsReplacedByTheScreen",
     [](Day& day) {
       day.begin();
       SimRoom::Track& camera = *day.alice().video;
       livekit::wire::Track screen = livekit::screen("TR_screen");
       screen.set_mime_type("video/H264");
       day.alice().publish_video(screen);
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
       day.alice().mute(true);
       day.pass(30s);
       day.alice().mute(false);
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
       day.room.mute(*day.alice().video, true);
       day.pass(30s);
       day.room.mute(*day.alice().video, false);
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
       day.room.mute(*day.alice().microphone, true);
       day.pass(30s);
       day.room.mute(*day.alice().microphone, false);
       day.pass(10s);
       day.expect_well();
       day.end();
       day.expect_no_gap();
       EXPECT_THAT(day.events<journal::MuteEvent>(), SizeIs(2));
       day.expect_in_step();
     }},
    {"LayersSwitch",
     [](Day& day) {
       static const Footage large = recording::make_footage({.width = 320, .height = 180});
       day.begin();
       for (const Footage* layer : {&large, &small_h264(), &large}) {
         day.alice().switch_layer(*layer);
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
       day.alice().publish();
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
       EXPECT_EQ(day.final_status().end_reason, journal::EndReason::refused);
       day.pass(60s);
       EXPECT_EQ(day.room.joins(), 1u);
     }},
    {"ATokenThatExpiredIsAskedForAgain",
     [](Day& day) {
       day.settings.token_endpoint.url = "http://site/{mint_id}";
       day.begin();
       EXPECT_EQ(day.asked(), 1u);
       day.room.expire_tokens();
       day.room.cut_signalling(SimRoom::Cut::broken, 2s);
       day.pass(30s);
       day.expect_well();
       day.end();
       EXPECT_EQ(day.asked(), 2u);
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
       day.alice().publish();
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
       EXPECT_FALSE(day.is_over());
       day.await_end();
       EXPECT_EQ(day.final_status().end_reason, journal::EndReason::gap_limit);
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

// --- All participants of a room, over a restart

class Panel : public testing::TestWithParam<bool> {
 protected:
  // The participant's recording has media.
  void await_media(Process& process, const std::string& participant) {
    ASSERT_TRUE(world.clock.run_until(
        [&] {
          const auto status = process.find("panel", participant);
          return status && status->state == State::recording;
        },
        20s))
        << participant;
  }
  Process& start_process() {
    processes.push_back(std::make_unique<Process>(world, live_settings()));
    return *processes.back();
  }
  void expect_whole(const std::string& id) {
    const auto report = audit::verify(
        world.disk, audit::Target{.folder = "/recordings/", .journal = storage::journal_name(id)});
    EXPECT_EQ(report.verdict, audit::Verdict::whole) << audit::to_json(report);
  }

  SimWorld world{4711};
  std::vector<std::unique_ptr<Process>> processes;
};

TEST_P(Panel, WhoJoinsAfterARestartIsRecordedToo) {
  world.join("alice");
  Process& first = start_process();
  first.plane->take_over();
  const auto started = first.plane->start({.mint_id = "panel", .participants = Participants::all});
  ASSERT_TRUE(started) << started.error().message;
  ASSERT_TRUE(std::holds_alternative<WatchStatus>(*started));
  await_media(first, "alice");
  world.clock.run_for(5s);
  const std::string alice = first.find("panel", "alice")->recording_id;
  GetParam() ? first.kill() : first.shut_down();

  Process& second = start_process();
  second.plane->take_over();
  world.clock.run_for(3s);
  world.join("bob");
  await_media(second, "alice");
  await_media(second, "bob");
  world.clock.run_for(5s);
  EXPECT_EQ(second.find("panel", "alice")->recording_id, alice);
  EXPECT_THAT(second.plane->recordings().live(), SizeIs(2));
  EXPECT_THAT(second.plane->watches().active(), SizeIs(1));
  const std::string bob = second.find("panel", "bob")->recording_id;

  std::optional<Stopped> stopped;
  second.plane->stop("panel", [&](Result<Stopped> all) { stopped = std::move(all.value()); });
  ASSERT_TRUE(world.clock.run_until([&] { return stopped.has_value(); }, 2s));
  EXPECT_THAT(stopped->recordings, SizeIs(2));
  EXPECT_EQ(stopped->watch->state, WatchState::stopped);
  world.clock.run_for(5s);
  EXPECT_TRUE(second.plane->recordings().empty());
  EXPECT_TRUE(second.plane->watches().empty());
  EXPECT_THAT(world.disk.list("/recordings/.holdfast/running").value(), IsEmpty());
  expect_whole(alice);
  expect_whole(bob);
}

INSTANTIATE_TEST_SUITE_P(After, Panel, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Kill" : "Shutdown"; });

}  // namespace
}  // namespace holdfast::control

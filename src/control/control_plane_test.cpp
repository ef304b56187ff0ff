// What the control plane answers and does, in the simulated world of live_test.hpp.

#include "control/control_plane.hpp"

#include <gmock/gmock.h>

#include "control/live_test.hpp"
#include "publish/publisher.hpp"
#include "storage/naming.hpp"

namespace holdfast::control {
namespace {

using recording::State;
using recording::Status;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct ControlPlaneTest : testing::Test {
  // The process, once it is needed: with the settings as they are then.
  Process& process() {
    if (!process_) {
      process_ = std::make_unique<Process>(world, settings);
      process_->plane->take_over();
      world.clock.run_for(100ms);
    }
    return *process_;
  }
  ControlPlane& plane() { return *process().plane; }
  Result<Started> start(const std::string& mint_id, Participants participants = Participants::one) {
    return plane().start({.mint_id = mint_id, .participants = participants});
  }
  static std::string error_of(const Result<Started>& started) {
    return started ? "no error" : started.error().message;
  }
  State state(const std::string& mint_id) {
    const auto found = plane().recordings().status(mint_id);
    return found.empty() ? State::failed : found.front().state;
  }
  // Alice is recorded.
  void record(const std::string& mint_id) {
    if (world.names.empty()) world.join("alice");
    ASSERT_TRUE(start(mint_id));
    await(mint_id, State::recording);
    world.clock.run_for(2s);
  }
  void await(const std::string& mint_id, State wanted) {
    ASSERT_TRUE(world.clock.run_until([&] { return state(mint_id) == wanted; }, 20s))
        << mint_id << " is " << recording::to_string(state(mint_id));
  }
  Result<Stopped> stop(const std::string& mint_id) {
    std::optional<Result<Stopped>> stopped;
    plane().stop(mint_id, [&](Result<Stopped> answer) { stopped = std::move(answer); });
    EXPECT_TRUE(world.clock.run_until([&] { return stopped.has_value(); }, 2s))
        << "stop took longer than 2 s";
    return stopped.value_or(Stopped{});
  }
  std::vector<std::string> running_records() {
    std::vector<std::string> names;
    const auto entries = world.disk.list("/recordings/.holdfast/running");
    for (const DirectoryEntry& entry : entries.value_or(std::vector<DirectoryEntry>{}))
      names.push_back(entry.name);
    return names;
  }
  template <typename Event>
  std::vector<Event> events(const std::string& id) {
    std::vector<Event> found;
    const auto lines = journal::parse(world.disk.content("/recordings/" + storage::journal_name(id)));
    for (const auto& entry : lines.entries) {
      if (const auto* event = std::get_if<Event>(&entry.event)) found.push_back(*event);
    }
    return found;
  }

  SimWorld world{4711};
  Settings settings = live_settings();

 private:
  std::unique_ptr<Process> process_;
};

TEST_F(ControlPlaneTest, AMintIdIsRecordedOnceAtATime) {
  record("m");
  EXPECT_THAT(error_of(start("m")), HasSubstr("m is already being recorded, as m_2026"));
  EXPECT_THAT(error_of(start("m", Participants::all)), HasSubstr("already being recorded"));
  ASSERT_TRUE(stop("m"));
  world.clock.run_for(2s);
  EXPECT_TRUE(start("m"));
}

TEST_F(ControlPlaneTest, TwoStartsWithinAMillisecondHaveTwoNames) {
  world.join("alice");
  const auto first = start("m");
  plane().stop("m", [](const auto&) {});
  const auto second = start("m");
  ASSERT_TRUE(first && second);
  EXPECT_NE(std::get<Status>(*first).recording_id, std::get<Status>(*second).recording_id);
}

TEST_F(ControlPlaneTest, ARequestThatCanNeverWorkIsRefusedAtOnce) {
  settings.livekit_url = "";
  EXPECT_THAT(error_of(start("m")), HasSubstr("no LiveKit server is configured for m"));
  EXPECT_THAT(running_records(), IsEmpty());
}

TEST_F(ControlPlaneTest, WithoutCredentialsToo) {
  settings.livekit_api_key = settings.livekit_api_secret = "";
  EXPECT_THAT(error_of(start("m")), HasSubstr("no credentials to join the room of m"));
  EXPECT_TRUE(plane().start({.mint_id = "m", .token = "given"}));
}

TEST_F(ControlPlaneTest, AFullDiskTakesNoMoreUntilThereIsRoom) {
  settings.min_free = {std::uint64_t{1} << 30};
  world.disk.set_free_space(std::uint64_t{1} << 29);
  EXPECT_THAT(error_of(start("m")), HasSubstr("only 512MiB are free in /recordings"));
  EXPECT_EQ(plane().readiness(), Readiness::disk_full);
  world.disk.set_free_space(std::uint64_t{1} << 31);
  world.clock.run_for(6s);
  EXPECT_EQ(plane().readiness(), Readiness::ready);
  EXPECT_TRUE(start("m"));
}

TEST_F(ControlPlaneTest, AFullMachineTakesNoMoreAndCountsIt) {
  process().workers.busy = 0.99;
  const auto started = start("m");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::exhausted);
  std::uint64_t refused = 0;
  for (const std::uint64_t of : plane().admission().refused()) refused += of;
  EXPECT_EQ(refused, 1u);
  EXPECT_THAT(running_records(), IsEmpty());
}

TEST_F(ControlPlaneTest, ParticipantsForWhomThereIsNoRoomAreTriedAgain) {
  world.join("alice");
  process().workers.busy = 0.99;
  ASSERT_TRUE(start("panel", Participants::all));
  world.clock.run_for(4s);
  EXPECT_THAT(plane().recordings().live(), IsEmpty());
  process().workers.busy = 0;
  world.clock.run_for(10s);
  EXPECT_EQ(state("panel"), State::recording);
  EXPECT_THAT(plane().recordings().live(), SizeIs(1));
}

TEST_F(ControlPlaneTest, ParticipantsForWhomTheDiskWasFullAreTriedAgain) {
  settings.min_free = {std::uint64_t{1} << 30};
  ASSERT_TRUE(start("panel", Participants::all));
  world.disk.set_free_space(std::uint64_t{1} << 29);
  world.clock.run_for(6s);
  world.join("alice");
  world.clock.run_for(4s);
  EXPECT_THAT(plane().recordings().live(), IsEmpty());
  world.disk.set_free_space(std::uint64_t{1} << 31);
  world.clock.run_for(15s);
  EXPECT_EQ(state("panel"), State::recording);
}

TEST_F(ControlPlaneTest, WhileAllAreRecordedTheMintIdIsTaken) {
  ASSERT_TRUE(start("panel", Participants::all));
  EXPECT_THAT(error_of(start("panel")), HasSubstr("all participants of panel are already being recorded"));
  EXPECT_THAT(error_of(start("panel", Participants::all)), HasSubstr("already"));
  EXPECT_THAT(plane().recordings().live(), IsEmpty());
  EXPECT_THAT(plane().watches().active(), SizeIs(1));
  const auto stopped = stop("panel");
  ASSERT_TRUE(stopped);
  EXPECT_THAT(stopped->recordings, IsEmpty());
  EXPECT_EQ(stopped->watch->state, WatchState::stopped);
  world.clock.run_for(2s);
  EXPECT_THAT(plane().watches().active(), IsEmpty());
  EXPECT_THAT(running_records(), IsEmpty());
  EXPECT_EQ(plane().watch("panel")->state, WatchState::stopped);
  EXPECT_TRUE(start("panel"));
}

TEST_F(ControlPlaneTest, StoppingGivesTheFinalStatusAlsoTheSecondTime) {
  record("m");
  const auto first = stop("m");
  ASSERT_TRUE(first);
  ASSERT_THAT(first->recordings, SizeIs(1));
  EXPECT_EQ(first->recordings[0].state, State::stopped);
  EXPECT_EQ(first->recordings[0].end_reason, journal::EndReason::stopped);
  world.clock.run_for(2s);
  EXPECT_THAT(plane().recordings().live(), IsEmpty());
  const auto second = stop("m");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->recordings[0].file_size_bytes, first->recordings[0].file_size_bytes);
  EXPECT_EQ(stop("unknown").error().code, ErrorCode::not_found);
}

TEST_F(ControlPlaneTest, AStopIsAnsweredAlsoIfTheWorkerOrItsDiskHangs) {
  record("m");
  process().workers.hangs = true;
  const auto stopped = stop("m");
  ASSERT_TRUE(stopped);
  EXPECT_EQ(stopped->recordings.at(0).state, State::finalizing);
}

TEST_F(ControlPlaneTest, AStreamThatIsNeverLiveFailsAfterTheWaitAndLeavesNothing) {
  settings.wait_limit = 10s;
  ASSERT_TRUE(start("m"));
  world.clock.run_for(9s);
  EXPECT_TRUE(recording::is_active(state("m")));
  await("m", State::failed);
  EXPECT_THAT(plane().recordings().status("m").front().error, testing::Not(IsEmpty()));
  world.clock.run_for(2s);
  EXPECT_THAT(running_records(), IsEmpty());
}

TEST_F(ControlPlaneTest, MarkersAreInTheJournalOfWhatIsRecorded) {
  record("m");
  std::vector<std::string> marked;
  plane().recordings().mark("m", "goal", [&](Result<std::vector<std::string>> ids) { marked = ids.value(); });
  world.clock.run_for(1s);
  ASSERT_THAT(marked, SizeIs(1));
  ASSERT_THAT(events<journal::MarkerEvent>(marked[0]), SizeIs(1));
  EXPECT_EQ(events<journal::MarkerEvent>(marked[0])[0].text, "goal");
  Error unknown;
  plane().recordings().mark("nobody", "x",
                            [&](Result<std::vector<std::string>> ids) { unknown = ids.error(); });
  EXPECT_EQ(unknown.code, ErrorCode::not_found);
}

TEST_F(ControlPlaneTest, ASplitBeginsAnotherPart) {
  record("m");
  ASSERT_THAT(plane().recordings().split("m"), SizeIs(1));
  world.clock.run_for(3s);
  EXPECT_THAT(plane().recordings().status("m").front().output_paths, SizeIs(2));
  EXPECT_THAT(plane().recordings().split("nobody"), IsEmpty());
}

TEST_F(ControlPlaneTest, DrainingTakesNoMoreAndEndsAll) {
  record("m");
  ASSERT_TRUE(start("panel", Participants::all));
  await("panel", State::recording);
  bool drained = false;
  plane().drain(ControlPlane::Drain::for_good, journal::EndReason::stopped, [&] { drained = true; });
  EXPECT_THAT(error_of(start("n")), HasSubstr("shutting down"));
  EXPECT_EQ(plane().readiness(), Readiness::draining);
  ASSERT_TRUE(world.clock.run_until([&] { return drained; }, 2s));
  EXPECT_TRUE(plane().recordings().empty());
  world.clock.run_for(1s);
  EXPECT_THAT(running_records(), IsEmpty());
}

TEST_F(ControlPlaneTest, AnEmptyServiceIsDrainedAtOnce) {
  bool drained = false;
  plane().drain(ControlPlane::Drain::for_good, journal::EndReason::stopped, [&] { drained = true; });
  EXPECT_TRUE(drained);
}

// --- WHIP

struct WhipIngestTest : ControlPlaneTest {
  // A publisher with a camera offers; its answer is taken. Its media comes from the second network address of
  // the tests.
  Result<std::string> publish(const std::string& mint_id, const std::string& session_id) {
    publish::PublisherOptions options;
    options.video = media::Codec::h264;
    const Endpoint at{recording::studio_at.address, static_cast<std::uint16_t>(5000 + studios.size())};
    studios.push_back(std::make_unique<recording::Studio>(world.clock, world.net, at, recording::small_h264(),
                                                          options, world.seed + studios.size()));
    std::optional<Result<std::string>> answer;
    plane().whip().offer({session_id, mint_id, studios.back()->offer()},
                         [&](Result<std::string> given) { answer = std::move(given); });
    EXPECT_TRUE(world.clock.run_until([&] { return answer.has_value(); }, 1s));
    if (*answer) {
      EXPECT_TRUE(studios.back()->publisher.accept_answer(world.clock.now(), **answer));
      studios.back()->play(media::Kind::video);
    }
    return *answer;
  }
  std::vector<std::unique_ptr<recording::Studio>> studios;
};

TEST_F(WhipIngestTest, APublishedStreamIsRecordedUntilItsGoodbye) {
  ASSERT_TRUE(publish("m", "s1"));
  await("m", State::recording);
  world.clock.run_for(2s);
  bool closed = false;
  plane().whip().close("s1", [&](const Result<void>& done) { closed = done.has_value(); });
  ASSERT_TRUE(world.clock.run_until([&] { return closed; }, 2s));
  EXPECT_EQ(plane().recordings().status("m").front().end_reason, journal::EndReason::stream_ended);
  world.clock.run_for(2s);
  Error unknown;
  plane().whip().trickle("s1", {}, [&](const Result<void>& done) { unknown = done.error(); });
  EXPECT_EQ(unknown.code, ErrorCode::not_found);
}

TEST_F(WhipIngestTest, ASecondPublisherIsRefusedWhileTheFirstIsHeardAndReplacesItOnceItIsSilent) {
  std::vector<std::string> over;
  plane().whip().on_session_over = [&](const std::string& id) { over.push_back(id); };
  ASSERT_TRUE(publish("m", "s1"));
  await("m", State::recording);
  world.clock.run_for(2s);
  EXPECT_EQ(publish("m", "s2").error().code, ErrorCode::conflict);
  studios[0]->stop(media::Kind::video);
  world.clock.run_for(4s);
  ASSERT_TRUE(publish("m", "s3"));
  EXPECT_THAT(over, testing::ElementsAre("s1"));
  await("m", State::recording);
  EXPECT_THAT(plane().recordings().live(), SizeIs(1));
}

TEST_F(WhipIngestTest, AStreamThatIsRecordedFromARoomIsNotPublished) {
  record("m");
  EXPECT_EQ(publish("m", "s1").error().code, ErrorCode::conflict);
  ASSERT_TRUE(start("panel", Participants::all));
  EXPECT_EQ(publish("panel", "s2").error().code, ErrorCode::conflict);
}

TEST_F(WhipIngestTest, WithoutWhipRecordAStartBeginsTheRecording) {
  settings.whip_record = false;
  ASSERT_TRUE(publish("m", "s1"));
  world.clock.run_for(3s);
  EXPECT_EQ(state("m"), State::waiting);
  const auto started = start("m");
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(std::get<Status>(*started).state, State::connecting);
  await("m", State::recording);
}

TEST_F(WhipIngestTest, AnOfferThatCannotBeAnsweredFailsTheRecording) {
  Error error;
  plane().whip().offer({"s1", "m", "v=0\r\n"},
                       [&](const Result<std::string>& answer) { error = answer.error(); });
  world.clock.run_for(2s);
  EXPECT_EQ(error.code, ErrorCode::invalid);
  EXPECT_EQ(state("m"), State::failed);
  EXPECT_THAT(plane().recordings().live(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::control

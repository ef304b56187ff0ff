#include "control/recovery_plan.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"
#include "storage/naming.hpp"
#include "storage/scan.hpp"

namespace holdfast::control {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;
using Source = RunRecord::Source;

// A folder in which a process died: media in Matroska-sized steps do not matter here, so every part is one
// transport stream frame.
struct RecoveryPlanTest : testing::Test {
  static constexpr const char* folder = "/recordings";

  // A PES packet that says its length, in one transport packet.
  static ByteVector frame() {
    ByteVector packet(188, 0xff);
    const std::uint8_t head[] = {0x47, 0x41, 0x00, 0x10, 0,    0, 1, 0xe0, 0,
                                 178,  0x84, 0x80, 5,    0x21, 0, 1, 0,    1};
    std::ranges::copy(head, packet.begin());
    return packet;
  }
  static RunRecord running(const std::string& id, Source source = Source::livekit) {
    RunRecord one{.recording_id = id, .source = source};
    one.request.mint_id = "m-" + id;
    return one;
  }
  // A recording as a process has it while it runs; `reason` ends it.
  void record(const std::string& id, std::optional<journal::EndReason> reason = {}, bool media = true) {
    ByteVector journal;
    std::uint64_t number = 0;
    const auto note = [&](journal::Event event) {
      journal::serialize({.number = ++number, .wall = now - 10s, .pts = 90'000, .event = std::move(event)},
                         journal);
    };
    note(journal::StartEvent{.recording_id = id, .mint_id = "m-" + id, .format = "mpegts"});
    if (media) {
      note(journal::PartEvent{
          .number = 1, .file = id + ".ts", .format = "mpegts", .reason = journal::PartReason::start});
      disk.put(std::string(folder) + "/" + id + ".ts", frame());
    }
    if (reason) note(journal::EndEvent{.reason = *reason});
    disk.put(std::string(folder) + "/" + storage::journal_name(id), journal);
  }
  void remember(const RunRecord& one) { ASSERT_TRUE(files.save(one).has_value()); }
  RecoveryPlan take() {
    disk.kill_process();
    return make_recovery_plan(disk, files, options, now);
  }
  std::string end_of(const std::string& id) {
    const auto journal = journal::parse(disk.content(std::string(folder) + "/" + storage::journal_name(id)));
    const auto* end = journal.last<journal::EndEvent>();
    return end == nullptr ? "none" : std::string(to_string(end->reason));
  }
  bool is_remembered(const std::string& id) {
    return disk.exists(std::string(folder) + "/.holdfast/running/" + id + ".json");
  }

  WallTime now{std::chrono::seconds(1'800'000'000)};
  sim::SimDisk disk;
  RunRecords files{disk, folder};
  RecoveryOptions options{folder, true, 1h};
};

TEST_F(RecoveryPlanTest, WhatWasRunningGoesOn) {
  record("a");
  remember(running("a"));
  const RecoveryPlan taken = take();
  ASSERT_THAT(taken.resumable, SizeIs(1));
  EXPECT_EQ(taken.resumable[0].recovered.files.bytes, 188U);
  EXPECT_EQ(taken.resumable[0].record.request.mint_id, "m-a");
  EXPECT_EQ(end_of("a"), "none");
  EXPECT_TRUE(is_remembered("a"));
  // And nobody else takes it from us.
  const RecoveryPlan second = make_recovery_plan(disk, files, options, now);
  EXPECT_THAT(second.resumable, IsEmpty());
  EXPECT_EQ(end_of("a"), "none");
}

TEST_F(RecoveryPlanTest, AfterAShutdownToo) {
  record("a", journal::EndReason::shutdown);
  remember(running("a"));
  EXPECT_THAT(take().resumable, SizeIs(1));
}

TEST_F(RecoveryPlanTest, WhatEndedForGoodIsLeftAlone) {
  record("a", journal::EndReason::stopped);
  remember(running("a"));
  const RecoveryPlan taken = take();
  EXPECT_THAT(taken.resumable, IsEmpty());
  EXPECT_THAT(taken.restarted, IsEmpty());
  EXPECT_EQ(end_of("a"), "stopped");
  EXPECT_FALSE(is_remembered("a"));
}

TEST_F(RecoveryPlanTest, WithoutResumeItIsClosed) {
  options.resume = false;
  record("a");
  record("b", journal::EndReason::shutdown);
  remember(running("a"));
  remember(running("b"));
  EXPECT_THAT(take().resumable, IsEmpty());
  EXPECT_EQ(end_of("a"), "interrupted");
  EXPECT_EQ(end_of("b"), "shutdown");
  EXPECT_FALSE(is_remembered("a"));
}

TEST_F(RecoveryPlanTest, WhatIsTooLongAgoIsClosed) {
  options.resume_limit = 5s;
  record("a");
  remember(running("a"));
  EXPECT_THAT(take().resumable, IsEmpty());
  EXPECT_EQ(end_of("a"), "interrupted");
}

TEST_F(RecoveryPlanTest, AJournalWithoutAnythingElseIsClosed) {
  record("a");
  EXPECT_THAT(take().resumable, IsEmpty());
  EXPECT_EQ(end_of("a"), "interrupted");
}

TEST_F(RecoveryPlanTest, WhatWaitedForItsStreamWaitsAgain) {
  remember(running("a"));
  record("b", {}, false);
  remember(running("b"));
  remember(running("c", Source::watch));
  remember(running("d", Source::whip));
  const RecoveryPlan taken = take();
  std::vector<std::string> started;
  started.reserve(taken.restarted.size());
  for (const RunRecord& one : taken.restarted) started.push_back(one.recording_id);
  EXPECT_THAT(started, testing::UnorderedElementsAre("a", "b", "c"));
  EXPECT_EQ(end_of("b"), "interrupted");
  for (const char* id : {"a", "b", "c", "d"}) EXPECT_FALSE(is_remembered(id)) << id;
}

// A participant's recording that was started again first kept the watch of its room from starting.
TEST_F(RecoveryPlanTest, AWatchComesBeforeTheRecordingsOfItsParticipantsAndStartsThoseWithoutMedia) {
  const auto of_room = [](const std::string& id, Source source, const std::string& participant) {
    RunRecord record{.recording_id = id, .source = source};
    record.request.mint_id = "panel";
    record.request.participant = participant;
    return record;
  };
  remember(running("0"));
  remember(of_room("panel_0bob", Source::livekit, "0bob"));
  remember(of_room("panel_1", Source::watch, ""));
  record("panel_alice");
  remember(of_room("panel_alice", Source::livekit, "alice"));
  const RecoveryPlan plan = take();
  std::vector<std::string> restarted;
  restarted.reserve(plan.restarted.size());
  for (const RunRecord& each : plan.restarted) restarted.push_back(each.recording_id);
  EXPECT_THAT(restarted, testing::ElementsAre("panel_1", "0"));
  EXPECT_THAT(plan.resumable, SizeIs(1));
}

TEST_F(RecoveryPlanTest, ADiskThatFailsKeepsWhatWasRunningForTheNextStart) {
  record("a");
  remember(running("a"));
  disk.put(std::string(folder) + "/" + storage::journal_name("a"), ByteVector(10, 'x'));
  EXPECT_THAT(take().resumable, IsEmpty());
  EXPECT_TRUE(is_remembered("a"));
}

}  // namespace
}  // namespace holdfast::control

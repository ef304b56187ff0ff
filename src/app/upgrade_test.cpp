#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "app/config.hpp"
#include "app/follow_file.hpp"
#include "archive/catalog.hpp"
#include "audit/verify.hpp"
#include "control/recovery_plan.hpp"
#include "io/posix_disk.hpp"

namespace holdfast::app {
namespace {

using control::RecoveryOptions;
using control::RecoveryPlan;
using control::RunRecords;

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

// Folders as earlier versions left them when they were killed in the middle of recordings
// (scripts/make_upgrade_fixture.sh). Nobody loses a recording by an upgrade.
class UpgradeTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-upgrade-XXXXXX").string();
    root = mkdtemp(pattern.data());
    std::filesystem::copy(std::filesystem::path(HOLDFAST_SOURCE "/tests/golden") / GetParam(), root,
                          std::filesystem::copy_options::recursive);
    recordings = root + "/recordings";
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  // Half a minute after the last recording was interrupted.
  WallTime restarted() const {
    WallTime last{};
    for (const auto& each : std::filesystem::directory_iterator(recordings)) {
      if (!each.path().string().ends_with(".journal.jsonl")) continue;
      const auto state = journal::read_state(disk, each.path());
      last = std::max(last, state.value().last_time);
    }
    return last + 30s;
  }
  // Mint ids of the recordings that are whole, by `holdfast verify`.
  std::multiset<std::string> whole() const {
    std::multiset<std::string> found;
    const auto targets = audit::find_targets(disk, recordings);
    for (const audit::Target& target : targets.value()) {
      const audit::Report report = audit::verify(disk, target);
      for (const audit::Finding& finding : report.findings.listed())
        EXPECT_NE(finding.severity, audit::Severity::fault) << report.name << ": " << finding.detail;
      if (report.verdict == audit::Verdict::whole) found.insert(report.journal->start.mint_id);
    }
    return found;
  }
  RecoveryOptions options() const { return {recordings, true, 1h}; }

  mutable io::PosixDisk disk;
  std::string root;
  std::string recordings;
};

TEST_P(UpgradeTest, ItsConfigurationIsUnderstood) {
  std::ifstream file(root + "/holdfast.toml");
  std::stringstream text;
  text << file.rdbuf();
  const auto config = resolve_config({.file_name = "holdfast.toml", .file_text = text.str()});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->recording.gap_limit, 90s);
  EXPECT_EQ(config->recording.part_size.bytes, 500'000'000u);
}

TEST_P(UpgradeTest, ItsRecordingsAreListed) {
  archive::Catalog catalog(disk, recordings);
  const auto page = catalog.page({}, restarted());
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(page->unreadable, IsEmpty());
  std::multiset<std::string> ended, interrupted, kept;
  for (const storage::RecordingSummary& each : page->recordings) {
    (each.end == storage::RecordingEnd::ended ? ended : interrupted).insert(each.mint_id);
    if (each.is_protected) kept.insert(each.mint_id);
    EXPECT_GT(each.bytes(), 0u);
  }
  EXPECT_THAT(ended, UnorderedElementsAre("finished", "split", "faststart", "followed"));
  EXPECT_THAT(interrupted, UnorderedElementsAre("followed", "interrupted", "panel"));
  EXPECT_THAT(kept, ElementsAre("finished"));
  // As the journals alone tell it.
  const auto scan = storage::scan(disk, recordings);
  ASSERT_TRUE(scan);
  EXPECT_EQ(page->recordings, scan->recordings);
}

TEST_P(UpgradeTest, ItsRecordingsAreWhole) {
  EXPECT_THAT(whole(), testing::IsSupersetOf({"finished", "split", "faststart", "followed"}));
}

TEST_P(UpgradeTest, ItsFollowsGoOn) {
  const auto loaded = FollowFile(disk, recordings).load(restarted());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->problem, "");
  ASSERT_THAT(loaded->follows, SizeIs(1));
  EXPECT_EQ(loaded->follows[0].request.mint_id, "followed");
  EXPECT_EQ(*loaded->follows[0].request.options.find("format"), "mkv");
  EXPECT_THAT(loaded->follows[0].last_recording_id, testing::StartsWith("followed_"));
}

TEST_P(UpgradeTest, WhatWasInterruptedIsResumed) {
  RunRecords running(disk, recordings);
  const RecoveryPlan left = make_recovery_plan(disk, running, options(), restarted());
  std::multiset<std::string> resumed, restarted;
  for (const auto& each : left.resumable) {
    resumed.insert(each.record.request.mint_id);
    EXPECT_TRUE(each.recovered.has_media);
  }
  for (const auto& each : left.restarted) restarted.insert(each.request.mint_id);
  EXPECT_THAT(resumed, UnorderedElementsAre("followed", "interrupted", "panel"));
  EXPECT_THAT(restarted, UnorderedElementsAre("panel"));  // the watch of its participants
}

TEST_P(UpgradeTest, WhatIsNotResumedIsClosedWhole) {
  RunRecords running(disk, recordings);
  RecoveryOptions closing = options();
  closing.resume = false;
  EXPECT_THAT(make_recovery_plan(disk, running, closing, restarted()).resumable, IsEmpty());
  EXPECT_THAT(whole(), UnorderedElementsAre("finished", "split", "faststart", "followed", "followed",
                                            "interrupted", "panel"));
}

INSTANTIATE_TEST_SUITE_P(From, UpgradeTest, testing::Values("upgrade_3ed6613"),
                         [](const auto& folder) { return std::string(folder.param); });

}  // namespace
}  // namespace holdfast::app

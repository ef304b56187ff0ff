#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "archive/recovery.hpp"
#include "audit/verify.hpp"
#include "recording/session_test.hpp"

namespace holdfast::recording {
namespace {

// A recording that an earlier version was writing when it was killed, continued by today's code.
struct Interrupted {
  const char* folder;
  const char* mint_id;
};

class UpgradeTest : public SessionTest, public testing::WithParamInterface<Interrupted> {
 protected:
  void load() {
    const auto folder =
        std::filesystem::path(HOLDFAST_SOURCE "/tests/golden") / GetParam().folder / "recordings";
    for (const auto& each : std::filesystem::directory_iterator(folder)) {
      const std::string name = each.path().filename();
      if (each.is_directory()) continue;
      std::ifstream file(each.path(), std::ios::binary);
      disk.put("/recordings/" + name, ByteVector(std::istreambuf_iterator<char>(file), {}));
      const bool is_journal = name.ends_with(".journal.jsonl");
      // The last one of the mint id: those before it have ended.
      if (is_journal && name.starts_with(GetParam().mint_id)) journal_file = std::max(journal_file, name);
    }
  }

  std::string journal_file;
};

TEST_P(UpgradeTest, ItIsResumedAndWhole) {
  load();
  ASSERT_FALSE(journal_file.empty());
  auto taken = archive::recover(disk, "/recordings", journal_file, clock.wall());
  ASSERT_TRUE(taken && *taken);
  archive::Recovered& recovered = **taken;
  ASSERT_TRUE(recovered.has_media);
  options.output.recording_id = recovered.start.recording_id;
  options.output.mint_id = recovered.start.mint_id;
  options.output.format = container::parse_format(recovered.start.format).value();
  options.output.resume_point = ResumePoint{.files = std::move(recovered.files),
                                            .first_pts = recovered.first_pts,
                                            .end_pts = recovered.end_pts,
                                            .end_wall = clock.wall() - 10s};
  connect();
  play_both();
  run_for(5s);
  finish();

  const auto state = journal::read_state(disk, "/recordings/" + journal_file);
  ASSERT_TRUE(state);
  ASSERT_THAT(state->parts, testing::SizeIs(2));
  EXPECT_EQ(state->resumed, 1u);
  EXPECT_EQ(state->end->reason, journal::EndReason::stopped);
  const audit::Report report = audit::verify(disk, {.folder = "/recordings/", .journal = journal_file});
  EXPECT_EQ(report.verdict, audit::Verdict::whole);
  for (const audit::Finding& finding : report.findings.listed())
    EXPECT_NE(finding.severity, audit::Severity::fault) << finding.detail;
}

INSTANTIATE_TEST_SUITE_P(From, UpgradeTest,
                         testing::Values(Interrupted{"upgrade_3ed6613", "interrupted"},
                                         Interrupted{"upgrade_3ed6613", "followed"},
                                         Interrupted{"upgrade_3ed6613", "panel_alice"}),
                         [](const auto& one) { return std::string(one.param.mint_id); });

}  // namespace
}  // namespace holdfast::recording

#include "archive/recovery.hpp"
#include "audit/verify.hpp"
#include "base/crc32c.hpp"
#include "container/ts_checker.hpp"
#include "recording/session_test.hpp"
#include "sim/power_cuts.hpp"
#include "storage/scan.hpp"

namespace holdfast::recording {
namespace {

using sim::PowerCuts;

// The power goes after every single thing that a recording did to the disk, the last write torn in every way;
// then another process takes over what is there.
class PowerCutTest : public SessionTest {
 protected:
  static constexpr const char* journal_file = "m-1_20260101T000000.000Z.journal.jsonl";
  static bool proves() { return std::getenv("HOLDFAST_PROVE") != nullptr; }

  // A minute with three parts; the clock's second between syncs has everything in it.
  void record(container::Format format) {
    options.output.format = format;
    disk.record(true);
    connect();
    play_both();
    const Duration third = proves() ? 20s : 3s;
    run_for(third);
    session().split();
    run_for(third);
    session().split();
    run_for(third);
    finish();
  }

  static std::vector<std::size_t> tears(std::size_t size, Random& random) {
    std::vector<std::size_t> at{0, 1, 187, 188, 189, size / 2, size > 0 ? size - 1 : 0};
    for (int i = 0; i < 8; ++i) at.push_back(random.below(size + 1));
    std::erase_if(at, [&](std::size_t each) { return each > size; });
    std::ranges::sort(at);
    at.erase(std::ranges::unique(at).begin(), at.end());
    return at;
  }

  struct Tally {
    std::size_t cuts = 0;
    std::size_t images = 0;
    std::size_t decoded = 0;
    Duration most_lost{};
  };

  // What a reader finds in the parts; broken ones are faults.
  static media::Ticks end_of(const sim::SimDisk& after, const archive::Recovered& recovered) {
    media::Ticks end = 0;
    for (const std::string& path : recovered.files.part_paths) {
      const ByteVector bytes = after.content(path);
      const MediaFile file = read_media_file(bytes);
      EXPECT_FALSE(file.tracks.empty()) << path;
      for (const MediaFile::Track& track : file.tracks) {
        for (const auto& packet : track.packets) end = std::max(end, packet.pts);
      }
    }
    return end;
  }

  void check(const PowerCuts& cuts, sim::SimDisk& after, Tally& tally, bool read_media) {
    ++tally.images;
    if (!after.exists(std::string("/recordings/") + journal_file)) return;
    auto taken = archive::recover(after, "/recordings", journal_file, clock.wall());
    if (!taken) {
      // The journal was made, but not its first line.
      EXPECT_EQ(taken.error().code, ErrorCode::invalid) << taken.error().message;
      EXPECT_EQ(cuts.synced(std::string("/recordings/") + journal_file), 0u);
      return;
    }
    if (!*taken) return expect_whole(after);  // it had ended
    const archive::Recovered& recovered = **taken;
    // Every synced byte is still there: what is durable is neither cut off nor forgotten.
    for (const std::string& path : recovered.files.part_paths) {
      const std::size_t synced = cuts.synced(path);
      ASSERT_GE(after.content(path).size(), synced) << path;
    }
    if (read_media) {
      ++tally.decoded;
      const media::Ticks end = end_of(after, recovered);
      EXPECT_EQ(end > 0, recovered.has_media);
      for (const std::string& path : recovered.files.part_paths) {
        if (!path.ends_with(".ts")) continue;
        EXPECT_THAT(container::test::TsChecker::check(after.content(path)).faults, testing::IsEmpty())
            << path;
      }
    }
    check_journal(after, recovered);
    ASSERT_TRUE(archive::close_recovered(recovered, clock.wall()).has_value());
    const auto found = storage::scan(after, "/recordings");
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->recordings.size(), 1u);
    EXPECT_EQ(found->recordings[0].end_reason, journal::EndReason::interrupted);
    for (const storage::RecordedPart& part : found->recordings[0].parts) EXPECT_GT(part.bytes, 0u);
    expect_whole(after);
  }

  // What recovery left is what `holdfast verify` calls whole.
  static void expect_whole(sim::SimDisk& after) {
    const audit::Report report = audit::verify(after, {.folder = "/recordings/", .journal = journal_file});
    for (const audit::Finding& finding : report.findings.listed()) {
      EXPECT_EQ(finding.severity, audit::Severity::note)
          << audit::to_string(finding.what) << ": " << finding.file << ": " << finding.detail;
    }
    EXPECT_NE(report.verdict, audit::Verdict::unreadable) << report.error;
  }

  // Its checksums cover every part to the end, and are true.
  static void check_journal(const sim::SimDisk& after, const archive::Recovered& recovered) {
    const auto journal = journal::parse(after.content(std::string("/recordings/") + journal_file));
    EXPECT_EQ(journal.damaged + journal.missing, 0u);
    EXPECT_FALSE(journal.torn);
    std::map<int, std::uint64_t> covered;
    std::map<int, std::string> names;
    for (const journal::Entry& entry : journal.entries) {
      if (const auto* part = std::get_if<journal::PartEvent>(&entry.event)) names[part->number] = part->file;
      const auto* sum = std::get_if<journal::ChecksumEvent>(&entry.event);
      if (sum == nullptr) continue;
      const ByteVector bytes = after.content("/recordings/" + names[sum->part]);
      EXPECT_EQ(sum->from, covered[sum->part]);
      ASSERT_LE(sum->to, bytes.size());
      EXPECT_EQ(format_crc32c(crc32c(Bytes(bytes).subspan(sum->from, sum->to - sum->from))), sum->crc32c);
      covered[sum->part] = sum->to;
    }
    std::uint64_t sum = 0;
    for (const auto& [part, bytes] : covered) sum += bytes;
    EXPECT_EQ(sum, recovered.files.bytes);
  }

  // Media that a power cut takes of what was written, against a cut of the process alone.
  void measure_loss(const PowerCuts& cuts, Tally& tally) {
    SeededRandom random(seed);
    media::Ticks ends[2] = {};
    for (const auto unsynced : {PowerCuts::Unsynced::lost, PowerCuts::Unsynced::kept}) {
      const bool kept = unsynced == PowerCuts::Unsynced::kept;
      const auto after = cuts.image(kept ? cuts.last_size() : 0, unsynced, random);
      const auto taken = archive::recover(*after, "/recordings", journal_file, clock.wall());
      if (taken && *taken) ends[kept ? 1 : 0] = end_of(*after, **taken);
    }
    tally.most_lost = std::max(tally.most_lost,
                               media::to_duration(ends[1] - std::max(ends[0], media::Timeline::first_pts)));
  }

  Tally cut_everywhere() {
    Tally tally;
    SeededRandom random(seed);
    PowerCuts cuts(disk.operations());
    const bool few = disk.operations().size() < 200;  // fragments are half a second
    while (cuts.advance()) {
      ++tally.cuts;
      // All of them are proved; a test samples them.
      if (!proves() && !few && cuts.done() % 10 != 0 && cuts.last_size() > 0) continue;
      if (cuts.done() % (few ? 5 : 50) == 0) measure_loss(cuts, tally);
      std::size_t way = 0;
      for (const std::size_t torn : tears(cuts.last_size(), random)) {
        const auto unsynced = static_cast<PowerCuts::Unsynced>(way++ % 3);
        const auto after = cuts.image(torn, unsynced, random);
        SCOPED_TRACE(testing::Message() << "operation " << cuts.done() << ", " << torn
                                        << " bytes of the last write, " << static_cast<int>(unsynced));
        check(cuts, *after, tally, tally.images % (few ? 5 : 50) == 0);
        if (HasFailure()) return tally;
      }
    }
    return tally;
  }
};

class EveryFormat : public PowerCutTest, public testing::WithParamInterface<container::Format> {};

TEST_P(EveryFormat, LeaveEverySyncedByteAndNothingThatDoesNotPlay) {
  record(GetParam());
  const Tally tally = cut_everywhere();
  EXPECT_GT(tally.decoded, 10u);
  EXPECT_LE(tally.most_lost, 1s + 100ms + (GetParam() == container::Format::mp4 ? 500ms : 0ms))
      << "sync_interval and some";
  std::printf("%s: %zu cut points, %zu images, %zu of them decoded, at most %.3f s of media lost\n",
              std::string(container::to_string(GetParam())).c_str(), tally.cuts, tally.images, tally.decoded,
              to_seconds(tally.most_lost));
}

INSTANTIATE_TEST_SUITE_P(EveryOperation, EveryFormat,
                         testing::Values(container::Format::mpegts, container::Format::mp4,
                                         container::Format::mkv),
                         [](const auto& format) { return std::string(container::to_string(format.param)); });

}  // namespace
}  // namespace holdfast::recording

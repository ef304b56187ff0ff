#include "storage/append_to_journal.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "sim/sim_disk.hpp"
#include "storage/note_replaced.hpp"

namespace holdfast::storage {
namespace {

const WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};

struct AppendToJournalTest : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(disk.make_directories("/r"));
    ASSERT_TRUE(disk.create(path));
    write_lines({StartEvent{.recording_id = "r"}, EndEvent{.reason = "stopped"}});
  }
  void write_lines(std::initializer_list<JournalEvent> events) {
    ByteVector bytes;
    for (const JournalEvent& event : events) {
      serialize({.number = ++lines, .wall = wall, .pts = 90'000, .event = event}, bytes);
    }
    write(bytes);
  }
  void write(Bytes bytes) {
    auto file = disk.open(path);
    ASSERT_TRUE(file && (*file)->append(bytes) && (*file)->sync());
  }
  Journal journal() { return parse_journal(disk.content(path)); }

  const std::string path = "/r/a.journal.jsonl";
  sim::SimDisk disk;
  std::uint64_t lines = 0;
};

TEST_F(AppendToJournalTest, TheLineFollowsTheLastOneAndSurvivesAPowerCut) {
  ASSERT_TRUE(append_to_journal(disk, path, ProtectEvent{}, wall));
  disk.cut_power();
  const Journal after = journal();
  ASSERT_EQ(after.entries.size(), 3U);
  EXPECT_EQ(after.entries[2].number, 3U);
  EXPECT_EQ(after.entries[2].pts, 90'000) << "the recording's time stands still after its end";
  EXPECT_TRUE(std::get<ProtectEvent>(after.entries[2].event).on);
  EXPECT_EQ(after.missing + after.damaged, 0U);
}

TEST_F(AppendToJournalTest, ATornLastLineIsCutOff) {
  write(as_bytes("{\"n\":3,\"wall\":\"20"));
  ASSERT_TRUE(append_to_journal(disk, path, MarkerEvent{"x"}, wall));
  const Journal after = journal();
  EXPECT_EQ(after.entries.size(), 3U);
  EXPECT_EQ(after.damaged + after.missing, 0U);
  EXPECT_FALSE(after.torn);
}

TEST_F(AppendToJournalTest, ADamagedLastLineKeepsItsPlace) {
  write(as_bytes("{\"n\":3 and something else\n"));
  ASSERT_TRUE(append_to_journal(disk, path, MarkerEvent{"x"}, wall));
  const Journal after = journal();
  EXPECT_EQ(after.damaged, 1U);
  EXPECT_EQ(after.missing, 0U);
  EXPECT_EQ(after.entries.size(), 3U);
}

TEST_F(AppendToJournalTest, TheEndOfALongJournalIsFoundAlsoBehindMuchDamage) {
  for (int i = 0; i < 3'000; ++i) write_lines({MarkerEvent{std::string(40, 'm')}});
  write(ByteVector(20'000'000, 'x'));
  write(as_bytes("\n"));
  ASSERT_TRUE(append_to_journal(disk, path, ProtectEvent{false}, wall));
  const Journal after = journal();
  EXPECT_EQ(after.entries.back().number, lines + 1);
  EXPECT_EQ(after.missing, 0U);
}

TEST_F(AppendToJournalTest, OneThatIsRecordedIsLeftAlone) {
  const auto recorder = disk.open(path);
  ASSERT_TRUE((*recorder)->lock());
  EXPECT_EQ(append_to_journal(disk, path, ProtectEvent{}, wall).error().code, ErrorCode::conflict);
  EXPECT_EQ(journal().entries.size(), 2U);
}

TEST_F(AppendToJournalTest, NoneIsMade) {
  EXPECT_EQ(append_to_journal(disk, "/r/b.journal.jsonl", ProtectEvent{}, wall).error().code,
            ErrorCode::not_found);
  EXPECT_FALSE(disk.exists("/r/b.journal.jsonl"));
}

TEST_F(AppendToJournalTest, AFullDiskIsSaidAndTheNextTryBeginsALineOfItsOwn) {
  disk.set_free_space(20);
  EXPECT_EQ(append_to_journal(disk, path, ProtectEvent{}, wall).error().code, ErrorCode::io);
  EXPECT_TRUE(journal().torn);
  disk.set_free_space(1 << 20);
  ASSERT_TRUE(append_to_journal(disk, path, ProtectEvent{}, wall));
  EXPECT_EQ(journal().entries.size(), 3U);
  EXPECT_EQ(journal().damaged, 0U);
}

TEST_F(AppendToJournalTest, AReplacedPartIsNotedAsItIsNow) {
  write_lines({PartEvent{.number = 3, .file = "a_part003.mp4"}});
  const ByteVector content((3 << 20) + 5, 'v');
  ASSERT_TRUE(disk.create("/r/a_part003.mp4"));
  ASSERT_TRUE((*disk.open("/r/a_part003.mp4"))->append(content));
  ASSERT_TRUE(note_replaced(disk, "/r", "a", "a_part003.mp4", "faststart", wall));
  const Journal after = journal();
  const auto* replaced = after.last<ReplacedEvent>();
  ASSERT_NE(replaced, nullptr);
  EXPECT_EQ(replaced->part, 3);
  EXPECT_EQ(replaced->bytes, content.size());
  EXPECT_EQ(replaced->crc32c, format_crc32c(crc32c(content)));
  EXPECT_EQ(replaced->reason, "faststart");
  EXPECT_EQ(note_replaced(disk, "/r", "a", "a.mp4", "faststart", wall).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace holdfast::storage

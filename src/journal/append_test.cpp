#include "journal/append.hpp"

#include <gtest/gtest.h>

#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::journal {
namespace {

const WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};

struct AppendTest : testing::Test {
  void SetUp() override {
    ASSERT_TRUE(disk.make_directories("/r"));
    ASSERT_TRUE(disk.create(path));
    write_lines({StartEvent{.recording_id = "r"}, EndEvent{.reason = EndReason::stopped}});
  }
  void write_lines(std::initializer_list<Event> events) {
    ByteVector bytes;
    for (const Event& event : events) {
      serialize({.number = ++lines, .wall = wall, .pts = 90'000, .event = event}, bytes);
    }
    write(bytes);
  }
  void write(Bytes bytes) {
    auto file = disk.open(path);
    ASSERT_TRUE(file && (*file)->append(bytes) && (*file)->sync());
  }
  Lines journal() { return parse(disk.content(path)); }

  const std::string path = "/r/a.journal.jsonl";
  sim::SimDisk disk;
  std::uint64_t lines = 0;
};

TEST_F(AppendTest, TheLineFollowsTheLastOneAndSurvivesAPowerCut) {
  ASSERT_TRUE(append(disk, path, ProtectEvent{}, wall));
  disk.cut_power();
  const Lines after = journal();
  ASSERT_EQ(after.entries.size(), 3U);
  EXPECT_EQ(after.entries[2].number, 3U);
  EXPECT_EQ(after.entries[2].pts, 90'000) << "the recording's time stands still after its end";
  EXPECT_TRUE(std::get<ProtectEvent>(after.entries[2].event).on);
  EXPECT_EQ(after.missing + after.damaged, 0U);
}

TEST_F(AppendTest, ATornLastLineIsCutOff) {
  write(as_bytes("{\"n\":3,\"wall\":\"20"));
  ASSERT_TRUE(append(disk, path, MarkerEvent{"x"}, wall));
  const Lines after = journal();
  EXPECT_EQ(after.entries.size(), 3U);
  EXPECT_EQ(after.damaged + after.missing, 0U);
  EXPECT_FALSE(after.torn);
}

TEST_F(AppendTest, ADamagedLastLineKeepsItsPlace) {
  write(as_bytes("{\"n\":3 and something else\n"));
  ASSERT_TRUE(append(disk, path, MarkerEvent{"x"}, wall));
  const Lines after = journal();
  EXPECT_EQ(after.damaged, 1U);
  EXPECT_EQ(after.missing, 0U);
  EXPECT_EQ(after.entries.size(), 3U);
}

TEST_F(AppendTest, TheEndOfALongJournalIsFoundAlsoBehindMuchDamage) {
  for (int i = 0; i < 3'000; ++i) write_lines({MarkerEvent{std::string(40, 'm')}});
  write(ByteVector(20'000'000, 'x'));
  write(as_bytes("\n"));
  ASSERT_TRUE(append(disk, path, ProtectEvent{false}, wall));
  const Lines after = journal();
  EXPECT_EQ(after.entries.back().number, lines + 1);
  EXPECT_EQ(after.missing, 0U);
}

TEST_F(AppendTest, OneThatIsRecordedIsLeftAlone) {
  const auto recorder = disk.open(path);
  ASSERT_TRUE((*recorder)->lock());
  EXPECT_EQ(append(disk, path, ProtectEvent{}, wall).error().code, ErrorCode::conflict);
  EXPECT_EQ(journal().entries.size(), 2U);
}

TEST_F(AppendTest, NoneIsMade) {
  EXPECT_EQ(append(disk, "/r/b.journal.jsonl", ProtectEvent{}, wall).error().code, ErrorCode::not_found);
  EXPECT_FALSE(disk.exists("/r/b.journal.jsonl"));
}

TEST_F(AppendTest, AFullDiskIsSaidAndTheNextTryBeginsALineOfItsOwn) {
  disk.set_free_space(20);
  EXPECT_EQ(append(disk, path, ProtectEvent{}, wall).error().code, ErrorCode::io);
  EXPECT_TRUE(journal().torn);
  disk.set_free_space(1 << 20);
  ASSERT_TRUE(append(disk, path, ProtectEvent{}, wall));
  EXPECT_EQ(journal().entries.size(), 3U);
  EXPECT_EQ(journal().damaged, 0U);
}

}  // namespace
}  // namespace holdfast::journal

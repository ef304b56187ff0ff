#include "storage/note_replaced.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "journal/line.hpp"
#include "journal/reader.hpp"
#include "sim/sim_disk.hpp"

namespace holdfast::storage {
namespace {

const WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};

TEST(NoteReplaced, APartIsNotedAsItIsNow) {
  sim::SimDisk disk;
  ByteVector lines;
  journal::serialize({.number = 1, .wall = wall, .event = journal::StartEvent{.recording_id = "r"}}, lines);
  journal::serialize(
      {.number = 2, .wall = wall, .event = journal::PartEvent{.number = 3, .file = "a_part003.mp4"}}, lines);
  disk.put("/r/a.journal.jsonl", lines);
  const ByteVector content((3 << 20) + 5, 'v');
  disk.put("/r/a_part003.mp4", content);
  ASSERT_TRUE(note_replaced(disk, "/r", "a", "a_part003.mp4", "faststart", wall));
  const auto after = journal::parse(disk.content("/r/a.journal.jsonl"));
  const auto* replaced = after.last<journal::ReplacedEvent>();
  ASSERT_NE(replaced, nullptr);
  EXPECT_EQ(replaced->part, 3);
  EXPECT_EQ(replaced->bytes, content.size());
  EXPECT_EQ(replaced->crc32c, format_crc32c(crc32c(content)));
  EXPECT_EQ(replaced->reason, "faststart");
  EXPECT_EQ(note_replaced(disk, "/r", "a", "a.mp4", "faststart", wall).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace holdfast::storage

#include "storage/journal.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace holdfast::storage {
namespace {

const WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};

ByteVector written(std::initializer_list<JournalEvent> events) {
  ByteVector bytes;
  media::Ticks pts = 0;
  for (const JournalEvent& event : events)
    serialize({.wall = wall, .pts = pts += 90'000, .event = event}, bytes);
  return bytes;
}

ByteVector sample() {
  return written(
      {StartEvent{.program = "holdfast 1",
                  .recording_id = "r1",
                  .mint_id = "m:1",
                  .participant = "ann",
                  .format = "mpegts"},
       PartEvent{.number = 1, .file = "m_1.ts", .format = "mpegts", .reason = "start"},
       TrackEvent{.track = 1,
                  .kind = "audio",
                  .codec = "opus",
                  .written_as = "aac",
                  .sample_rate = 48'000,
                  .channels = 2},
       FormatNoteEvent{.asked = "mpegts", .used = "mkv", .note = "VP8 \"untouched\"\n"},
       AnchorEvent{.track = 1, .rtp = -5, .ntp = 0xfedc'ba98'7654'3210, .anchor_pts = 90'000},
       ClockStepEvent{.track = 0, .ticks = 7'200}, GapEvent{.from_pts = 1, .to_pts = 2, .cause = "network"},
       LossEvent{.track = 0, .packets = 3, .frames = 1, .cause = "disk"},
       DamageEvent{.track = 0, .from_pts = 3, .to_pts = 4, .frames = 2, .kept = "drop"},
       LedgerEvent{.track = 1,
                   .expected = 9,
                   .written = 5,
                   .lost = 1,
                   .dropped = 2,
                   .pending = 1,
                   .recovered_nack = 3,
                   .recovered_rtx = 4,
                   .recovered_red = 6,
                   .duplicates = 7,
                   .late = 8,
                   .frames = 10,
                   .frames_lost = 11,
                   .frames_damaged = 12,
                   .filler_frames = 13},
       FillEvent{.track = 1, .from_pts = 5, .to_pts = 6, .frames = 2}, MuteEvent{.track = 1, .muted = true},
       ReconnectEvent{.cause = "server went away"}, DiskEvent{.error = "no space"},
       EndEvent{.reason = "stopped", .duration = 12.5, .bytes = 1ULL << 40, .parts = 2}});
}

TEST(Journal, WritesOneLineAnEvent) {
  EXPECT_EQ(as_text(written({MuteEvent{.track = 1, .muted = true}})),
            "{\"wall\":\"" + format_rfc3339(wall) +
                "\",\"pts\":90000,\"event\":\"mute\",\"track\":1,\"muted\":true}\n");
}

TEST(Journal, ReadsBackWhatItWrote) {
  const ByteVector bytes = sample();
  const Journal journal = parse_journal(bytes);
  EXPECT_EQ(journal.entries.size(), std::variant_size_v<JournalEvent>) << "a sample of every kind";
  EXPECT_FALSE(journal.torn);
  EXPECT_EQ(journal.unknown, 0U);
  EXPECT_EQ(journal.entries.front().wall, wall);
  EXPECT_EQ(journal.entries[1].pts, 180'000);
  EXPECT_EQ(journal.last<AnchorEvent>()->ntp, 0xfedc'ba98'7654'3210);
  EXPECT_EQ(journal.last<AnchorEvent>()->rtp, -5);
  EXPECT_EQ(journal.last<FormatNoteEvent>()->note, "VP8 \"untouched\"\n");
  ByteVector again;
  for (const JournalEntry& entry : journal.entries) serialize(entry, again);
  EXPECT_EQ(as_text(again), as_text(bytes));
}

TEST(Journal, ToleratesATornLastLine) {
  const ByteVector bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Journal journal = parse_journal(Bytes(bytes).first(size));
    EXPECT_EQ(journal.unknown, 0U);
    EXPECT_EQ(journal.torn, size > 0 && bytes[size - 1] != '\n');
    EXPECT_LE(journal.whole_size, size);
    EXPECT_EQ(journal.last<EndEvent>(), nullptr);
  }
}

TEST(Journal, SkipsWhatANewerVersionWrote) {
  const Journal journal = parse_journal(as_bytes(
      "{\"wall\":\"2026-01-01T00:00:00.000Z\",\"pts\":1,\"event\":\"hologram\"}\n"
      "{\"wall\":\"2026-01-01T00:00:00.000Z\",\"pts\":2,\"event\":\"mute\",\"track\":1,\"why\":{}}\n"));
  EXPECT_EQ(journal.unknown, 1U);
  ASSERT_EQ(journal.entries.size(), 1U);
  EXPECT_EQ(journal.last<MuteEvent>()->track, 1);
}

TEST(Journal, CountsDamageAndReadsOn) {
  const Journal journal = parse_journal(
      as_bytes("\n[]\n17\n{\"event\":7}\n{\"event\":\"mute\"}\n"
               "{\"wall\":\"2026-13-01T00:00:00.000Z\",\"pts\":1,\"event\":\"mute\"}\n"
               "{\"wall\":\"2026-01-01T00:00:00.000Z\",\"pts\":1e99,\"event\":\"mute\",\"track\":\"x\"}\n"));
  EXPECT_EQ(journal.unknown, 6U);
  ASSERT_EQ(journal.entries.size(), 1U);
  EXPECT_EQ(journal.last<MuteEvent>()->track, 0);
}

TEST(Journal, SurvivesAnyBytes) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    ByteVector bytes = sample();
    const std::size_t size = bytes.size();
    for (std::uint64_t i = random.below(20); i > 0; --i)
      bytes[random.below(size)] = static_cast<std::uint8_t>(random.next_u32());
    const Journal journal = parse_journal(bytes);
    EXPECT_LE(journal.whole_size, size);
  }
}

}  // namespace
}  // namespace holdfast::storage

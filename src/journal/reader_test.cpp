#include "journal/reader.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "base/random.hpp"
#include "journal/line.hpp"

namespace holdfast::journal {
namespace {

const WallTime wall{std::chrono::milliseconds(1'795'365'901'250)};

ByteVector written(std::initializer_list<Event> events) {
  ByteVector bytes;
  std::uint64_t number = 0;
  for (const Event& event : events) {
    ++number;
    const auto pts = static_cast<media::Ticks>(number) * 90'000;
    serialize({.number = number, .wall = wall, .pts = pts, .event = event}, bytes);
  }
  return bytes;
}

// A line with the CRC that it must have.
std::string line(std::string text) {
  text.pop_back();
  return text + ",\"crc\":\"" + format_crc32c(crc32c(as_bytes(text))) + "\"}\n";
}

ByteVector sample() {
  return written({StartEvent{.program = "holdfast 1",
                             .recording_id = "r1",
                             .mint_id = "m:1",
                             .participant = "ann",
                             .format = "mpegts"},
                  PartEvent{.number = 1, .file = "m_1.ts", .format = "mpegts", .reason = PartReason::start},
                  TrackEvent{.track = 1,
                             .kind = "audio",
                             .codec = "opus",
                             .written_as = "aac",
                             .sample_rate = 48'000,
                             .channels = 2},
                  FormatNoteEvent{.asked = "mpegts", .used = "mkv", .note = "VP8 \"untouched\"\n"},
                  AnchorEvent{.track = 1, .rtp = -5, .ntp = 0xfedc'ba98'7654'3210, .anchor_pts = 90'000},
                  ClockStepEvent{.track = 0, .ticks = 7'200},
                  GapEvent{.from_pts = 1, .to_pts = 2, .cause = "network"},
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
                  FillEvent{.track = 1, .from_pts = 5, .to_pts = 6, .frames = 2},
                  MuteEvent{.track = 1, .muted = true},
                  ReconnectEvent{.cause = "server went away"},
                  DiskEvent{.error = "no space"},
                  ChecksumEvent{.part = 2, .from = 188, .to = 376, .crc32c = "e3069283"},
                  UnsafeEvent{.part = 3, .from = 1, .to = 2, .error = "EIO"},
                  MarkerEvent{.text = "goal"},
                  TrimmedEvent{.part = 1, .bytes = 3, .cut = 4, .kept_as = "m_1.ts.tail"},
                  ResumedEvent{.program = "holdfast 2"},
                  ReplacedEvent{.part = 1, .bytes = 5, .crc32c = "00000001", .reason = "faststart"},
                  ProtectEvent{.on = false},
                  RemovedEvent{.recording_id = "r0",
                               .mint_id = "m:0",
                               .files = {"m_0.ts", "m_0.journal.jsonl"},
                               .bytes = 6,
                               .start = "2026-01-01T00:00:00.000Z",
                               .end = "2026-01-02T00:00:00.000Z",
                               .reason = "keep_days"},
                  RemovalDoneEvent{.removal = 7},
                  EndEvent{.reason = EndReason::stopped, .duration = 12.5, .bytes = 1ULL << 40, .parts = 2}});
}

TEST(Journal, WritesOneLineAnEvent) {
  EXPECT_EQ(as_text(written({MuteEvent{.track = 1, .muted = true}})),
            line("{\"n\":1,\"wall\":\"" + format_rfc3339(wall) +
                 "\",\"pts\":90000,\"event\":\"mute\",\"track\":1,\"muted\":true}"));
}

TEST(Journal, ReadsBackWhatItWrote) {
  const ByteVector bytes = sample();
  const Lines journal = parse(bytes);
  EXPECT_EQ(journal.entries.size(), std::variant_size_v<Event>) << "a sample of every kind";
  EXPECT_FALSE(journal.torn);
  EXPECT_EQ(journal.unknown, 0U);
  EXPECT_EQ(journal.entries.front().wall, wall);
  EXPECT_EQ(journal.entries[1].pts, 180'000);
  EXPECT_EQ(journal.last<AnchorEvent>()->ntp, 0xfedc'ba98'7654'3210);
  EXPECT_EQ(journal.last<AnchorEvent>()->rtp, -5);
  EXPECT_EQ(journal.last<FormatNoteEvent>()->note, "VP8 \"untouched\"\n");
  ByteVector again;
  for (const Entry& entry : journal.entries) serialize(entry, again);
  EXPECT_EQ(as_text(again), as_text(bytes));
}

TEST(Journal, ToleratesATornLastLine) {
  const ByteVector bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Lines journal = parse(Bytes(bytes).first(size));
    EXPECT_EQ(journal.unknown + journal.damaged + journal.missing, 0U);
    EXPECT_EQ(journal.torn, size > 0 && bytes[size - 1] != '\n');
    EXPECT_LE(journal.whole_size, size);
    EXPECT_EQ(journal.last<EndEvent>(), nullptr);
  }
}

TEST(Journal, SkipsWhatANewerVersionWrote) {
  const std::string text =
      line("{\"n\":1,\"wall\":\"2026-01-01T00:00:00.000Z\",\"pts\":1,\"event\":\"hologram\"}") +
      line("{\"n\":2,\"wall\":\"2026-01-01T00:00:00.000Z\",\"event\":\"mute\",\"track\":1,\"why\":{}}");
  const Lines journal = parse(as_bytes(text));
  EXPECT_EQ(journal.unknown, 1U);
  EXPECT_EQ(journal.missing + journal.damaged, 0U);
  ASSERT_EQ(journal.entries.size(), 1U);
  EXPECT_EQ(journal.last<MuteEvent>()->track, 1);
}

TEST(Journal, CountsDamageAndReadsOn) {
  const std::string text =
      "\n[]\n17\n" + line("{\"event\":7}") + line("{\"n\":1,\"event\":\"mute\"}") +
      line("{\"n\":1,\"wall\":\"2026-13-01T00:00:00.000Z\",\"pts\":1,\"event\":\"mute\"}") +
      line("{\"n\":7,\"wall\":\"2026-01-01T00:00:00.000Z\",\"pts\":1e99,\"event\":\"mute\",\"track\":\"x\"}");
  const Lines journal = parse(as_bytes(text));
  EXPECT_EQ(journal.damaged, 6U);
  EXPECT_EQ(journal.missing, 0U) << "each is there, if damaged";
  ASSERT_EQ(journal.entries.size(), 1U);
  EXPECT_EQ(journal.last<MuteEvent>()->track, 0);
}

TEST(Journal, KnowsEveryEditOfALine) {
  const ByteVector bytes = sample();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ByteVector edited = bytes;
    edited[i] ^= 1;
    const Lines journal = parse(edited);
    EXPECT_GT(journal.damaged + (journal.torn ? 1 : 0), 0U) << "byte " << i;
  }
}

TEST(Journal, KnowsThatALineIsMissing) {
  const std::string text(as_text(sample()));
  const std::size_t first = text.find('\n') + 1;
  const std::size_t second = text.find('\n', first) + 1;
  Reader reader([](Entry&&) {});
  reader.feed(as_bytes(text.substr(0, first) + text.substr(second)));
  EXPECT_EQ(reader.missing(), 1U);
  EXPECT_EQ(reader.damaged(), 0U);
  EXPECT_EQ(reader.first_bad_line(), 2U);
}

// A sync failed, the power went: what it was about is zeros, and comes again behind.
TEST(Journal, TakesALineThatWasRepeatedOnce) {
  const std::string text(as_text(sample()));
  const std::size_t first = text.find('\n') + 1;
  const std::size_t third = text.find('\n', text.find('\n', first) + 1) + 1;
  const std::string lost = text.substr(first, third - first);
  for (const std::string& hole : {lost, std::string(lost.size(), '\0')}) {
    std::string repeated = text.substr(0, first);
    repeated.append(hole).append(text, third).append(lost);
    const Lines journal = parse(as_bytes(repeated));
    EXPECT_EQ(journal.entries.size(), std::variant_size_v<Event>);
    EXPECT_EQ(journal.missing + journal.damaged, 0U);
  }
}

TEST(Journal, IsReadInPiecesOfAnySize) {
  const ByteVector bytes = sample();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    std::size_t entries = 0;
    Reader reader([&](Entry&&) { ++entries; });
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      reader.feed(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    EXPECT_EQ(entries, std::variant_size_v<Event>);
    EXPECT_EQ(reader.whole_size(), bytes.size());
    EXPECT_EQ(reader.last_number(), entries);
    EXPECT_EQ(reader.first_bad_line(), 0U);
  }
}

TEST(Journal, SurvivesAnyBytes) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    SeededRandom random(seed);
    ByteVector bytes = sample();
    const std::size_t size = bytes.size();
    for (std::uint64_t i = random.below(20); i > 0; --i)
      bytes[random.below(size)] = static_cast<std::uint8_t>(random.next_u32());
    const Lines journal = parse(bytes);
    EXPECT_LE(journal.whole_size, size);
  }
}

}  // namespace
}  // namespace holdfast::journal

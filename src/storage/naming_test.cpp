#include "storage/naming.hpp"

#include <gtest/gtest.h>

namespace holdfast::storage {
namespace {

const WallTime start{std::chrono::milliseconds(1'795'365'901'250)};

TEST(Naming, NamesAllFilesAfterTheMintAndTheStart) {
  const std::string base = base_name("mint-1", start);
  EXPECT_EQ(base, "mint-1_" + format_compact(start));
  EXPECT_EQ(part_name(base, 1, "ts"), base + ".ts");
  EXPECT_EQ(part_name(base, 2, "ts"), base + "_part002.ts");
  EXPECT_EQ(journal_name(base), base + ".journal.jsonl");
}

TEST(Naming, EscapesWhatAFileNameShouldNotHave) {
  EXPECT_EQ(escape_id("room:a"), "room%3Aa");
  EXPECT_EQ(escape_id("../etc/passwd"), "%2E.%2Fetc%2Fpasswd");
  EXPECT_EQ(escape_id("-rf"), "%2Drf");
  EXPECT_EQ(escape_id("a.b-c_D9"), "a.b-c_D9");
  EXPECT_EQ(escape_id("100%"), "100%25");
  EXPECT_EQ(escape_id(std::string_view("\0\n", 2)), "%00%0A");
  EXPECT_EQ(escape_id("\xC3\xA4"), "%C3%A4");
}

TEST(Naming, GivesEveryIdBack) {
  std::string id;
  for (int c = 0; c < 64; ++c) id += static_cast<char>(c * 4 + 1);
  EXPECT_EQ(unescape_id(escape_id(id)), id);
  EXPECT_FALSE(unescape_id("a%3"));
  EXPECT_FALSE(unescape_id("a%zz"));
  EXPECT_FALSE(unescape_id("%"));
}

TEST(Naming, KeepsTheLongestNameWithinAFileSystemsLimit) {
  for (std::size_t length = 150; length < 300; ++length) {
    const std::string base = base_name(std::string(length, ':'), start);
    EXPECT_LE(part_name(base, 999, "journal.jsonl").size(), 255U);
    EXPECT_TRUE(unescape_id(base)) << "cut within an escape";
  }
}

TEST(Naming, TellsCutNamesApart) {
  const std::string common(300, 'x');
  EXPECT_NE(escape_id(common + "a"), escape_id(common + "b"));
}

TEST(Naming, FindsTheJournals) {
  EXPECT_EQ(base_of_journal("a_1.journal.jsonl"), "a_1");
  EXPECT_FALSE(base_of_journal("a_1.ts"));
  EXPECT_FALSE(base_of_journal(".journal.jsonl"));
  EXPECT_FALSE(base_of_journal(removals_name)) << "tells of what was removed, and is no recording";
}

}  // namespace
}  // namespace holdfast::storage

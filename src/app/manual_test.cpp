#include "app/manual.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/arguments.hpp"
#include "base/version.hpp"

namespace holdfast::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string manual() {
  const char* words[] = {"holdfast", "manual"};
  return std::get<PrintCommand>(*parse_arguments(2, words, {})).text;
}

ProgramTable program_with(CommandTable command) {
  return {"tool", "Does it.", "1.0", "", {}, {std::move(command)}};
}

TEST(Manual, NamesItselfItsVersionAndItsSection) {
  EXPECT_THAT(manual(), HasSubstr(".TH HOLDFAST 1 \"\" \"" + program_version() + "\""));
  EXPECT_THAT(manual(), HasSubstr(".SH NAME\nholdfast \\- "));
}

TEST(Manual, HasEverySettingOnceWithItsDefault) {
  const std::string all = manual();
  const std::string page = all.substr(all.find(".SH SETTINGS"));
  for (const Setting& setting : settings()) {
    std::string flag = "\\fB";
    for (const char c : setting.flag_name()) flag += c == '-' ? "\\-" : std::string(1, c);
    const std::string entry = ".TP\n" + flag + "\\fR";
    const std::size_t found = page.find(entry);
    ASSERT_NE(found, std::string::npos) << setting.name;
    EXPECT_EQ(page.find(entry, found + 1), std::string::npos) << setting.name;
  }
  EXPECT_THAT(page, HasSubstr("[mpegts]"));
}

TEST(Manual, HasTheFlagsAndArgumentsOfEachCommand) {
  const FlagTable path{"PATH", {}, "PATH", "what to cut", "", true, true};
  const FlagTable size{"--size", {"-s", "--size"}, "SIZE", "how much", "", false, false};
  const std::string page = make_manual(program_with({"cut", "Cuts.", "", {path, size}}));
  EXPECT_THAT(page, HasSubstr("\\fBtool cut\\fR [\\fIOPTIONS\\fR] \\fIPATH\\fR"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-s\\fR, \\fB\\-\\-size\\fR \\fISIZE\\fR\nhow much\n"));
}

TEST(Manual, ShowsExamplesAsTheyAreAndFillsTheRest) {
  const std::string page =
      make_manual(program_with({"cut", "Cuts.", "Examples:\n  tool cut a-b\n\nIt is sharp.", {}}));
  EXPECT_THAT(page, HasSubstr(".PP\nExamples:\n.RS 2\n.nf\ntool cut a\\-b\n.fi\n.RE\n.PP\nIt is sharp.\n"));
}

TEST(Manual, NoTextIsTakenForARequest) {
  const std::string page = make_manual(program_with({"cut", ".so /etc/passwd", "'x\n\\fBno", {}}));
  EXPECT_THAT(
      page, AllOf(HasSubstr("\n\\&.so /etc/passwd\n"), HasSubstr("\n\\&\\(aqx\n"), HasSubstr("\n\\efBno\n")));
  EXPECT_THAT(page, Not(HasSubstr("\n.so")));
}

}  // namespace
}  // namespace holdfast::app

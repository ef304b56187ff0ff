#include "app/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "app/arguments.hpp"

namespace holdfast::app {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::string printed(std::vector<const char*> words) {
  words.insert(words.begin(), "holdfast");
  const auto command = parse_arguments(static_cast<int>(words.size()), words.data(), {});
  return command ? std::get<PrintCommand>(*command).text : command.error().message;
}

// What bash itself offers for the last of `words`, with the program's own script.
class BashCompletion : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "holdfast_completion_" + std::to_string(getpid());
    ASSERT_EQ(std::system(("mkdir -p " + folder_ + "/clips").c_str()), 0);
    std::ofstream(folder_ + "/complete.bash") << printed({"completion", "bash"}) << R"(
compopt() { :; }  # only allowed while a key is pressed
COMP_WORDS=(holdfast "$@")
COMP_CWORD=$#
_holdfast
printf '%s\n' "${COMPREPLY[@]}"
)";
    std::ofstream(folder_ + "/clip.mkv") << "";
  }
  void TearDown() override { ASSERT_EQ(std::system(("rm -r " + folder_).c_str()), 0); }

  std::vector<std::string> offered(const std::string& words) {
    FILE* bash = popen(("cd " + folder_ + " && bash complete.bash " + words).c_str(), "r");
    std::string text;
    for (int c = std::fgetc(bash); c != EOF; c = std::fgetc(bash)) text += static_cast<char>(c);
    EXPECT_EQ(pclose(bash), 0);
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }

 private:
  std::string folder_;
};

TEST_F(BashCompletion, OffersTheCommands) {
  EXPECT_THAT(offered("''"), AllOf(Contains("serve"), Contains("record"), Contains("completion"),
                                   Contains("manual"), Contains("version"), Contains("--version")));
  EXPECT_THAT(offered("re"), UnorderedElementsAre("record", "reindex", "repair"));
}

TEST_F(BashCompletion, OffersTheFlagsOfTheCommand) {
  EXPECT_THAT(offered("serve --mute"), ElementsAre("--mute-limit"));
  EXPECT_THAT(offered("serve --no-f"), ElementsAre("--no-fill"));
  EXPECT_THAT(offered("publish --mute"), IsEmpty());
  EXPECT_THAT(offered("repair -"), AllOf(Contains("-o"), Contains("--output"), Contains("--fps")));
}

TEST_F(BashCompletion, OffersTheWordsThatAFlagTakes) {
  EXPECT_THAT(offered("serve --format ''"), UnorderedElementsAre("mpegts", "mkv", "mp4"));
  EXPECT_THAT(offered("serve --format = m"), UnorderedElementsAre("mpegts", "mkv", "mp4"));
  EXPECT_THAT(offered("serve --format ="), UnorderedElementsAre("mpegts", "mkv", "mp4"));
  EXPECT_THAT(offered("publish --keyframes ''"), ElementsAre("on-request"));
  EXPECT_THAT(offered("completion ''"), UnorderedElementsAre("bash", "zsh", "fish"));
}

TEST_F(BashCompletion, OffersFilesAndFolders) {
  EXPECT_THAT(offered("serve --config cl"), UnorderedElementsAre("clip.mkv", "clips"));
  EXPECT_THAT(offered("serve --recordings cl"), ElementsAre("clips"));
  EXPECT_THAT(offered("verify --json cl"), UnorderedElementsAre("clip.mkv", "clips"));
  EXPECT_THAT(offered("serve --turn-ca-file cli"), UnorderedElementsAre("clip.mkv", "clips"));
}

TEST_F(BashCompletion, OffersNothingWhereOnlyTheUserKnows) {
  EXPECT_THAT(offered("serve --listen ''"), IsEmpty());
  EXPECT_THAT(offered("publish ''"), IsEmpty());
}

TEST(Completion, EveryShellKnowsEverySetting) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = printed({"completion", shell});
    for (const Setting& setting : settings()) {
      const std::string flag = setting.flag_name();
      EXPECT_THAT(script, HasSubstr(shell == std::string("fish") ? " -l " + flag.substr(2) : flag)) << shell;
    }
  }
}

TEST(Completion, FishAndZshOfferWordsAndFolders) {
  EXPECT_THAT(printed({"completion", "fish"}),
              AllOf(HasSubstr("-l damage -x -a 'keep drop'"),
                    HasSubstr("-l recordings -x -a '(__fish_complete_directories)'")));
  EXPECT_THAT(printed({"completion", "zsh"}),
              AllOf(HasSubstr("#compdef holdfast\n"), HasSubstr("*--damage=["), HasSubstr(":(keep drop)'"),
                    HasSubstr(":DIR:_files -/'")));
}

TEST(Completion, AnotherShellIsRefused) {
  EXPECT_EQ(printed({"completion", "tcsh"}), "the shell must be bash, zsh or fish");
  EXPECT_THAT(printed({"completion"}), Not(HasSubstr("complete -F")));
}

}  // namespace
}  // namespace holdfast::app

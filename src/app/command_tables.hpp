#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace holdfast::app {

// What the command line takes, as plain values. The shell completions and the manual page are made from this
// description, so that both always say what this program takes.

struct FlagTable {
  std::string name;                    // "--format" or "-o"; a positional argument: "PATH"
  std::vector<std::string> spellings;  // every form: {"--fill", "--no-fill"}, {"-o", "--output"}
  std::string value_name;              // "FILE", "mpegts|mp4|mkv"; empty: a switch, which takes no value
  std::string help;
  std::string group;  // "Settings" and "Token endpoint": from the table of settings
  bool positional = false;
  bool required = false;
};

struct CommandTable {
  std::string name;
  std::string help;
  std::string footer;  // examples and notes: lines that begin with two spaces are to be shown as they are
  std::vector<FlagTable> flags;
};

struct ProgramTable {
  std::string name;
  std::string help;
  std::string version;
  std::string footer;
  std::vector<FlagTable> flags;
  std::vector<CommandTable> commands;
};

ProgramTable describe(const CLI::App& program, std::string version);

// The words that a value may be: "mpegts|mp4|mkv" gives three, "DURATION|on-request" gives "on-request",
// "FILE" gives none.
std::vector<std::string> value_words(const FlagTable& flag);

enum class PathValue { none, file, folder };
PathValue path_value(const FlagTable& flag);

}  // namespace holdfast::app

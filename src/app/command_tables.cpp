#include "app/command_tables.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"

namespace holdfast::app {
namespace {

// The names of values that are paths. A folder of recordings is also taken where a recording is.
constexpr std::array<std::string_view, 5> file_values{"FILE", "FILE.mp4", "INPUT", "PATH", "RECORDING"};

FlagTable describe(const CLI::Option& option) {
  FlagTable flag;
  flag.help = option.get_description();
  flag.group = option.get_group();
  flag.required = option.get_required();
  flag.positional = option.get_positional();
  flag.value_name = option.get_items_expected_max() == 0 ? "" : option.get_type_name();
  if (flag.positional) {
    flag.name = flag.value_name;
    return flag;
  }
  for (const std::string& name : option.get_snames()) flag.spellings.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.spellings.push_back("--" + name);
  flag.name = flag.spellings.back();
  for (const std::string& spelling : flag.spellings) {
    if (spelling.starts_with("--") && !spelling.starts_with("--no-")) flag.name = spelling;
  }
  return flag;
}

std::vector<FlagTable> describe_flags(const CLI::App& command) {
  std::vector<FlagTable> flags;
  for (const CLI::Option* option : command.get_options()) flags.push_back(describe(*option));
  return flags;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

ProgramTable describe(const CLI::App& program, std::string version) {
  ProgramTable table{program.get_name(),   program.get_description(), std::move(version),
                     program.get_footer(), describe_flags(program),   {}};
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    table.commands.push_back(
        {command->get_name(), command->get_description(), command->get_footer(), describe_flags(*command)});
  }
  return table;
}

std::vector<std::string> value_words(const FlagTable& flag) {
  if (flag.value_name.find('|') == std::string::npos) return {};
  std::vector<std::string> words;
  for (const std::string_view piece : split(flag.value_name, '|')) {
    if (is_word(piece)) words.emplace_back(piece);
  }
  return words;
}

PathValue path_value(const FlagTable& flag) {
  if (flag.value_name == "DIR") return PathValue::folder;
  return std::ranges::find(file_values, flag.value_name) != file_values.end() ? PathValue::file
                                                                              : PathValue::none;
}

}  // namespace holdfast::app

#include "app/completion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "base/text.hpp"

namespace holdfast::app {
namespace {

using Out = std::back_insert_iterator<std::string>;

std::string join(std::span<const std::string> words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

// In single quotes, as all three shells read it. fish alone reads a backslash in them, and no text has one.
std::string shell_quoted(std::string_view text) {
  return fmt::format("'{}'", replace_all(text, "'", R"('\'')"));
}

std::vector<std::string> command_names(const ProgramTable& program) {
  std::vector<std::string> names;
  names.reserve(program.commands.size());
  for (const CommandTable& command : program.commands) names.push_back(command.name);
  return names;
}

std::vector<std::string> spellings(std::span<const FlagTable> flags) {
  std::vector<std::string> all;
  for (const FlagTable& flag : flags) all.insert(all.end(), flag.spellings.begin(), flag.spellings.end());
  return all;
}

// bash: what the value of `flag` may be, as an assignment that the script's end understands.
std::string bash_value(const FlagTable& flag) {
  if (const auto words = value_words(flag); !words.empty()) return "words='" + join(words, " ") + "'";
  switch (path_value(flag)) {
    case PathValue::file:
      return "paths=files";
    case PathValue::folder:
      return "paths=folders";
    case PathValue::none:
      break;
  }
  return "return";
}

void bash_command(Out out, const CommandTable& command) {
  fmt::format_to(out, "    {})\n      flags='{}'\n      case $before in\n", command.name,
                 join(spellings(command.flags), " "));
  std::string positional = "return";
  for (const FlagTable& flag : command.flags) {
    if (flag.positional && positional == "return") positional = bash_value(flag);
    if (flag.positional || flag.value_name.empty()) continue;
    fmt::format_to(out, "        {}) {} ;;\n", join(flag.spellings, "|"), bash_value(flag));
  }
  fmt::format_to(out, "        *) [[ $word == -* ]] && words=$flags || {} ;;\n      esac ;;\n", positional);
}

std::string make_bash(const ProgramTable& program) {
  std::string script;
  const Out out(script);
  const auto names = command_names(program);
  fmt::format_to(out, R"(# bash completion for {0}. Made by '{0} completion bash'.
_{0}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
  local command='' flags='' words='' paths='' i
  COMPREPLY=()
  # bash makes three words of --flag=value.
  if [[ $word == = ]]; then
    word=''
  elif [[ $before == = ]]; then
    before=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {1}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command in
    '') words='{2} {3}' ;;
)",
                 program.name, join(names, "|"), join(names, " "), join(spellings(program.flags), " "));
  for (const CommandTable& command : program.commands) bash_command(out, command);
  fmt::format_to(out, R"(  esac
  case $paths in
    files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
  esac
}}
complete -F _{0} {0}
)",
                 program.name);
  return script;
}

// zsh's _arguments reads brackets and colons in its own way.
std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh_action(const FlagTable& flag) {
  if (const auto words = value_words(flag); !words.empty()) return "(" + join(words, " ") + ")";
  switch (path_value(flag)) {
    case PathValue::file:
      return "_files";
    case PathValue::folder:
      return "_files -/";
    case PathValue::none:
      break;
  }
  return " ";
}

std::string make_zsh(const ProgramTable& program) {
  std::string script;
  const Out out(script);
  fmt::format_to(out, "#compdef {0}\n# zsh completion for {0}. Made by '{0} completion zsh'.\n_{0}() {{\n",
                 program.name);
  fmt::format_to(out,
                 "  local context state state_descr line\n  typeset -A opt_args\n  local -a commands=(\n");
  for (const CommandTable& command : program.commands) {
    fmt::format_to(out, "    {}\n", shell_quoted(zsh_text(command.name) + ":" + command.help));
  }
  fmt::format_to(out, R"(  )
  _arguments -C '1: :->command' '*:: :->arguments'
  case $state in
    command) _describe command commands ;;
    arguments)
      case $words[1] in
)");
  for (const CommandTable& command : program.commands) {
    fmt::format_to(out, "        {}) _arguments", command.name);
    for (const FlagTable& flag : command.flags) {
      const std::string value = zsh_text(flag.value_name) + ":" + zsh_action(flag);
      if (flag.positional) fmt::format_to(out, " \\\n          {}", shell_quoted("*:" + value));
      for (const std::string& spelling : flag.spellings) {
        const std::string takes = flag.value_name.empty() ? "" : ":" + value;
        const std::string form = flag.value_name.empty() || !spelling.starts_with("--") ? "" : "=";
        fmt::format_to(out, " \\\n          {}",
                       shell_quoted(fmt::format("*{}{}[{}]{}", spelling, form, zsh_text(flag.help), takes)));
      }
    }
    fmt::format_to(out, " ;;\n");
  }
  // Loaded by name from a folder of functions, the file is the function's body; sourced, it registers it.
  fmt::format_to(out,
                 "      esac ;;\n  esac\n}}\n"
                 "if [[ ${{funcstack[1]}} == _{0} ]]; then\n  _{0} \"$@\"\nelse\n  compdef _{0} {0}\nfi\n",
                 program.name);
  return script;
}

void fish_flag(Out out, const ProgramTable& program, const CommandTable& command, const FlagTable& flag) {
  std::string line =
      fmt::format("complete -c {} -n '__fish_seen_subcommand_from {}'", program.name, command.name);
  for (const std::string& spelling : flag.spellings) {
    line += spelling.starts_with("--") ? " -l " + spelling.substr(2) : " -s " + spelling.substr(1);
  }
  const auto words = value_words(flag);
  const PathValue path = path_value(flag);
  if (!words.empty()) {
    line += fmt::format(" -{} -a '{}'", flag.positional ? "f" : "x", join(words, " "));
  } else if (path == PathValue::folder) {
    line += fmt::format(" -{} -a '(__fish_complete_directories)'", flag.positional ? "f" : "x");
  } else if (path == PathValue::file) {
    line += flag.positional ? " -F" : " -r -F";
  } else if (!flag.value_name.empty()) {
    line += " -x";
  }
  fmt::format_to(out, "{} -d {}\n", line, shell_quoted(flag.help));
}

std::string make_fish(const ProgramTable& program) {
  std::string script =
      fmt::format("# fish completion for {0}. Made by '{0} completion fish'.\n", program.name);
  const Out out(script);
  fmt::format_to(out, "complete -c {} -f\n", program.name);
  for (const CommandTable& command : program.commands) {
    fmt::format_to(out, "complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program.name, command.name,
                   shell_quoted(command.help));
  }
  for (const CommandTable& command : program.commands) {
    for (const FlagTable& flag : command.flags) fish_flag(out, program, command, flag);
  }
  return script;
}

}  // namespace

std::optional<Shell> parse_shell(std::string_view name) {
  if (name == "bash") return Shell::bash;
  if (name == "zsh") return Shell::zsh;
  if (name == "fish") return Shell::fish;
  return std::nullopt;
}

std::string make_completion(const ProgramTable& program, Shell shell) {
  switch (shell) {
    case Shell::bash:
      return make_bash(program);
    case Shell::zsh:
      return make_zsh(program);
    case Shell::fish:
      return make_fish(program);
  }
  std::unreachable();
}

}  // namespace holdfast::app

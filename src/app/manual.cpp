#include "app/manual.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <string_view>

namespace holdfast::app {
namespace {

using Out = std::back_insert_iterator<std::string>;

// Text as troff takes it: a dash stays a dash, a backslash a backslash, and no line is a request.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

bool is_setting(const FlagTable& flag) {
  return flag.group == "Settings" || flag.group == "Token endpoint";
}

// Examples stay as they are; the other lines are filled. An empty line begins a paragraph.
void write_footer(Out out, std::string_view footer) {
  bool literal = false;
  fmt::format_to(out, ".PP\n");
  while (!footer.empty()) {
    const std::size_t end = std::min(footer.find('\n'), footer.size());
    const std::string_view line = footer.substr(0, end);
    footer.remove_prefix(std::min(end + 1, footer.size()));
    if (const bool indented = line.starts_with("  "); indented != literal && !line.empty()) {
      fmt::format_to(out, "{}", indented ? ".RS 2\n.nf\n" : ".fi\n.RE\n");
      literal = indented;
    }
    if (line.empty()) {
      fmt::format_to(out, "{}", literal ? ".fi\n.RE\n.PP\n" : ".PP\n");
      literal = false;
    } else {
      fmt::format_to(out, "{}\n", escaped(literal ? line.substr(2) : line));
    }
  }
  if (literal) fmt::format_to(out, ".fi\n.RE\n");
}

void write_flag(Out out, const FlagTable& flag) {
  fmt::format_to(out, ".TP\n");
  if (flag.positional) {
    fmt::format_to(out, "\\fI{}\\fR\n", escaped(flag.name));
  } else {
    std::string names;
    for (const std::string& spelling : flag.spellings) {
      names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", escaped(spelling));
    }
    const std::string value =
        flag.value_name.empty() ? "" : fmt::format(" \\fI{}\\fR", escaped(flag.value_name));
    fmt::format_to(out, "{}{}\n", names, value);
  }
  fmt::format_to(out, "{}\n", escaped(flag.help));
}

std::string synopsis(const ProgramTable& program, const CommandTable& command) {
  std::string line = fmt::format("\\fB{} {}\\fR", escaped(program.name), escaped(command.name));
  const bool has_flags = std::ranges::any_of(
      command.flags, [](const FlagTable& flag) { return !flag.positional && flag.name != "--help"; });
  if (has_flags) line += " [\\fIOPTIONS\\fR]";
  for (const FlagTable& flag : command.flags) {
    if (!flag.positional) continue;
    const std::string word = fmt::format("\\fI{}\\fR", escaped(flag.name));
    line += flag.required ? " " + word : " [" + word + "]";
  }
  return line;
}

// A command's own flags in full; its settings by name, for they stand in a section of their own.
void write_command(Out out, const ProgramTable& program, const CommandTable& command,
                   std::size_t all_settings) {
  fmt::format_to(out, ".SS {}\n{}\n.PP\n{}\n", escaped(command.name), synopsis(program, command),
                 escaped(command.help));
  std::size_t settings = 0;
  std::string names;
  for (const FlagTable& flag : command.flags) {
    if (flag.name == "--help") continue;
    if (!is_setting(flag)) {
      write_flag(out, flag);
      continue;
    }
    ++settings;
    names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", escaped(flag.name));
  }
  if (settings > 0) {
    fmt::format_to(out, ".PP\n{} of the settings below{}{}.\n",
                   settings == all_settings ? "Takes all" : "Takes these",
                   settings == all_settings ? "" : ": ", settings == all_settings ? "" : names);
  }
  if (!command.footer.empty()) write_footer(out, command.footer);
}

// Each setting once, of whichever command has it.
void write_settings(Out out, const std::map<std::string, const FlagTable*>& settings) {
  fmt::format_to(out, R"(.SH SETTINGS
Every setting is a flag, a key of the TOML file, and an environment variable: the key of \fB\-\-livekit\-url\fR is
livekit_url, its variable is HOLDFAST_LIVEKIT_URL. The flags that begin with \fB\-\-token\-endpoint\-\fR are keys of the
table [token_endpoint]. A flag overrides the environment, and the environment overrides the file.
The defaults are in brackets.
)");
  for (const auto& [name, flag] : settings) write_flag(out, *flag);
}

}  // namespace

std::string make_manual(const ProgramTable& program) {
  std::map<std::string, const FlagTable*> settings;
  for (const CommandTable& command : program.commands) {
    for (const FlagTable& flag : command.flags) {
      if (is_setting(flag)) settings.emplace(flag.name, &flag);
    }
  }
  std::string page;
  const Out out(page);
  fmt::format_to(out, ".\\\" Made by '{0} manual'.\n.TH {1} 1 \"\" \"{0} {2}\" \"User Commands\"\n",
                 program.name, upper(program.name), escaped(program.version));
  fmt::format_to(
      out, ".SH NAME\n{} \\- record live WebRTC streams\n.SH SYNOPSIS\n\\fB{}\\fR \\fICOMMAND\\fR ...\n",
      program.name, program.name);
  fmt::format_to(out, ".SH DESCRIPTION\n{}\n", escaped(program.help));
  write_footer(out, program.footer);
  fmt::format_to(out, ".SH COMMANDS\n");
  for (const CommandTable& command : program.commands) write_command(out, program, command, settings.size());
  write_settings(out, settings);
  fmt::format_to(out, R"(.SH FILES
.TP
.I /etc/holdfast/holdfast.toml
The settings of the system service. The package installs this file with every key and its default.
.TP
.I /etc/holdfast/holdfast.env
Optional: environment variables of the system service, for example secrets.
.TP
.I /var/lib/holdfast
The working folder of the system service. Its recordings are in the folder recordings there.
.SH EXIT STATUS
0: done. 1: failed; the reason is on standard error. 2: wrong arguments or settings.
Some commands have more; they are described above.
.SH SEE ALSO
.BR ffplay (1),
.BR ffprobe (1)
)");
  return page;
}

}  // namespace holdfast::app

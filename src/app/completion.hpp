#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/command_tables.hpp"

namespace holdfast::app {

enum class Shell { bash, zsh, fish };
std::optional<Shell> parse_shell(std::string_view name);

// A script for the shell that completes commands, flags, the words that a flag may have as its value, and
// file names. It needs nothing but the shell.
std::string make_completion(const ProgramTable& program, Shell shell);

}  // namespace holdfast::app

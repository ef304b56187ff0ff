#pragma once

#include <string>

#include "app/command_tables.hpp"

namespace holdfast::app {

// The manual page holdfast(1) as troff source with the man macros. Its dashes can be copied into a shell.
std::string make_manual(const ProgramTable& program);

}  // namespace holdfast::app

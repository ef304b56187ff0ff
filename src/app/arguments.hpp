#pragma once

#include <map>
#include <string>
#include <variant>

#include "app/commands.hpp"
#include "base/result.hpp"

namespace holdfast::app {

struct ServeCommand {
  Config config;
};
struct RecordCommand {
  Config config;
  RecordOptions options;
};
// To be printed on stdout: a help text or the version.
struct PrintCommand {
  std::string text;
};
using Command = std::variant<ServeCommand, RecordCommand, PublishOptions, ExportOptions, ReindexOptions,
                             PruneOptions, VerifyOptions, InspectOptions, RepairOptions, PrintCommand>;

// What the command line asks for, configuration file and environment included. Errors are for people: they
// say which argument is wrong, and what was probably meant.
Result<Command> parse_arguments(int argc, const char* const* argv,
                                const std::map<std::string, std::string>& environment);

}  // namespace holdfast::app

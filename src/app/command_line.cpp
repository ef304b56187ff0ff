#include "app/command_line.hpp"

#include <unistd.h>

extern "C" {
#include <libavutil/log.h>
}

#include <cstdio>

#include "app/arguments.hpp"
#include "base/log.hpp"

namespace holdfast::app {
namespace {

constexpr int usage_error = 2;

std::map<std::string, std::string> read_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

int execute(const ServeCommand& command) {
  log::set_level(command.config.log_level);
  return run_serve(command.config);
}
int execute(const RecordCommand& command) {
  log::set_level(command.config.log_level);
  return run_record(command.config, command.options);
}
int execute(const PublishOptions& options) {
  return run_publish(options);
}
int execute(const ExportOptions& options) {
  return run_export(options);
}
int execute(const ReindexOptions& options) {
  return run_reindex(options);
}
int execute(const PruneOptions& options) {
  return run_prune(options);
}
int execute(const VerifyOptions& options) {
  return run_verify(options);
}
int execute(const InspectOptions& options) {
  return run_inspect(options);
}
int execute(const RepairOptions& options) {
  return run_repair(options);
}
int execute(const PrintCommand& command) {
  return std::fwrite(command.text.data(), 1, command.text.size(), stdout) == command.text.size() ? 0 : 1;
}

}  // namespace

int run(int argc, char** argv) {
  // Its remarks are about its own insides; what users must know comes back to us as errors.
  av_log_set_level(AV_LOG_FATAL);
  const auto command = parse_arguments(argc, argv, read_environment());
  if (!command) {
    fmt::print(stderr, "holdfast: {}\n", command.error().message);
    return usage_error;
  }
  return std::visit([](const auto& given) { return execute(given); }, *command);
}

}  // namespace holdfast::app

#include "base/log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace holdfast::log {
namespace {

constexpr std::array<std::string_view, 4> names{"debug", "info", "warn", "error"};  // by Level

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

std::string_view to_string(Level level) {
  return names[std::to_underlying(level)];
}

std::optional<Level> parse_level(std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Level>(found - names.begin());
}

void set_level(Level level) {
  spdlog::set_level(to_spdlog(level));
}

void write(Level level, fmt::string_view format, fmt::format_args args) {
  if (!spdlog::should_log(to_spdlog(level))) return;
  const std::string line = fmt::vformat(format, args);
  spdlog::log(to_spdlog(level), spdlog::string_view_t(line));
}

}  // namespace holdfast::log

#pragma once

// Logging for the shell and for rare events; nothing on the way of a packet logs. One line names the stream
// or file it is about. Tokens and keys are never logged. Any thread.
//
// Only log.cpp sees spdlog: its headers would be the dearest of every file that logs a line.
#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace holdfast::log {

enum class Level : std::uint8_t { debug, info, warn, error };
std::string_view to_string(Level level);
std::optional<Level> parse_level(std::string_view name);

// Lines below `level` are not written. At first: info.
void set_level(Level level);

// Writes one line to standard output.
void write(Level level, fmt::string_view format, fmt::format_args args);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, format, fmt::make_format_args(args...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, format, fmt::make_format_args(args...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, format, fmt::make_format_args(args...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, format, fmt::make_format_args(args...));
}

}  // namespace holdfast::log

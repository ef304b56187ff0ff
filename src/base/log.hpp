#pragma once

// Logging for the shell and for rare events; nothing on the way of a packet logs. One line names the stream
// or file it is about. Tokens and keys are never logged.
#include <spdlog/spdlog.h>

namespace holdfast::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace holdfast::log

#pragma once

namespace holdfast::recording {

inline constexpr const char* program_version = "holdfast " HOLDFAST_VERSION;

}  // namespace holdfast::recording

#pragma once

#include <string>

#include "audit/verify.hpp"

namespace holdfast::audit {

// One line of JSON without its newline, as docs/verify.md has it.
std::string to_json(const Report& report);

}  // namespace holdfast::audit

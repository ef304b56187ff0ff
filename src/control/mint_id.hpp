#pragma once

#include <string_view>

namespace holdfast::control {

// 1 to 128 of letters, digits and "-_.:", not starting with a dot.
bool is_valid_mint_id(std::string_view text);
inline constexpr std::string_view mint_id_rule =
    "must be 1 to 128 letters, digits, '-', '_', '.' or ':', not starting with '.'";

}  // namespace holdfast::control

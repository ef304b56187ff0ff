#include "control/mint_id.hpp"

namespace holdfast::control {

bool is_valid_mint_id(std::string_view text) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
  return !text.empty() && text.size() <= 128 && text.front() != '.' &&
         text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace holdfast::control

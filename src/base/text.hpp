#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

bool equals_ignoring_case(std::string_view a, std::string_view b);
// Without spaces and tabs at either end.
std::string_view trim(std::string_view text);
// Pieces between separators, each trimmed, empty ones left out.
std::vector<std::string_view> split(std::string_view text, char separator);

// `text` with every `what` (not empty) in it replaced by `with`, from the left.
std::string replace_all(std::string_view text, std::string_view what, std::string_view with);

// Hostile text made fit for a message: printable ASCII, everything else as '?', at most 64 characters.
std::string printable(std::string_view text);

// The known word nearest to `word` by edit distance, or empty when none is near enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// Whether two secrets are equal, in a time that does not depend on where they differ.
bool equal_secrets(std::string_view a, std::string_view b);

}  // namespace holdfast

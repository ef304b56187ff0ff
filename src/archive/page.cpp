#include "archive/page.hpp"

#include <algorithm>

#include "storage/naming.hpp"

namespace holdfast::archive {

std::string format_position(const Position& position) {
  std::string text = format_compact(position.start_time);
  if (position.journal.empty()) return text;
  // '%' would be taken for an escape; '~' is in no name of ours.
  std::string name(storage::base_of_journal(position.journal).value_or(position.journal));
  std::ranges::replace(name, '%', '~');
  return text + '~' + name;
}

std::optional<Position> parse_position(std::string_view text) {
  const std::size_t end = std::min(text.find('~'), text.size());
  auto time = parse_compact(text.substr(0, end));
  if (!time) time = parse_rfc3339(text.substr(0, end));
  if (!time) return std::nullopt;
  if (end == text.size()) return Position{.start_time = *time};
  std::string name(text.substr(end + 1));
  std::ranges::replace(name, '~', '%');
  return Position{.start_time = *time, .journal = storage::journal_name(name)};
}

}  // namespace holdfast::archive

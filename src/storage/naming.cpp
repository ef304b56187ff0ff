#include "storage/naming.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace holdfast::storage {
namespace {

constexpr std::size_t longest_id = 200;
constexpr std::string_view journal_suffix = ".journal.jsonl";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

// FNV-1a: tells cut names apart; nothing rests on it being hard to find another.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf2'9ce4'8422'2325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return value;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

}  // namespace

std::string escape_id(std::string_view id) {
  std::string name;
  for (const char c : id) {
    const bool leads = name.empty() && (c == '.' || c == '-');
    if (is_plain(c) && !leads) {
      name += c;
    } else {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  if (name.size() <= longest_id) return name;
  const std::string tail = fmt::format("-{:016x}", hash(id));
  std::size_t cut = longest_id - tail.size();
  // Not within a %XX.
  for (const std::size_t back : {1, 2}) {
    if (name[cut - back] == '%') {
      cut -= back;
      break;
    }
  }
  return name.substr(0, cut) + tail;
}

std::optional<std::string> unescape_id(std::string_view name) {
  std::string id;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      id += name[i];
      continue;
    }
    if (i + 2 >= name.size()) return std::nullopt;
    const auto high = hex_digit(name[i + 1]);
    const auto low = hex_digit(name[i + 2]);
    if (!high || !low) return std::nullopt;
    id += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return id;
}

std::string base_name(std::string_view mint_id, WallTime start_time) {
  return fmt::format("{}_{}", escape_id(mint_id), format_compact(start_time));
}

std::string part_name(std::string_view base, int part, std::string_view extension) {
  if (part == 1) return fmt::format("{}.{}", base, extension);
  return fmt::format("{}_part{:03}.{}", base, part, extension);
}

std::string journal_name(std::string_view base) {
  return fmt::format("{}{}", base, journal_suffix);
}

std::optional<std::string_view> base_of_journal(std::string_view file_name) {
  if (file_name == removals_name) return std::nullopt;
  if (file_name.size() <= journal_suffix.size() || !file_name.ends_with(journal_suffix)) return std::nullopt;
  return file_name.substr(0, file_name.size() - journal_suffix.size());
}

}  // namespace holdfast::storage

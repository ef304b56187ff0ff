#include "whip/fragment.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/text.hpp"

namespace holdfast::whip {
namespace {

std::optional<std::string_view> value_after(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  return line.substr(prefix.size());
}

// Media of one bundle repeat their credentials; two different ones are a contradiction.
bool set_once(std::string& field, std::string_view value) {
  if (!field.empty() && field != value) return false;
  field = value;
  return true;
}

bool read_line(std::string_view line, Fragment& fragment) {
  // RFC 8866 section 5: <type>=<value>
  if (line.size() < 2 || line[1] != '=') return false;
  if (const auto ufrag = value_after(line, "a=ice-ufrag:")) return set_once(fragment.ufrag, *ufrag);
  if (const auto pwd = value_after(line, "a=ice-pwd:")) return set_once(fragment.pwd, *pwd);
  if (const auto media = value_after(line, "m="); media && fragment.media.empty()) fragment.media = *media;
  if (const auto mid = value_after(line, "a=mid:"); mid && fragment.mid.empty()) fragment.mid = *mid;
  if (line == "a=end-of-candidates") fragment.end_of_candidates = true;
  if (line.starts_with("a=candidate:")) {
    if (fragment.candidates.size() == Fragment::max_candidates) return false;
    fragment.candidates.emplace_back(line.substr(2));
  }
  return true;
}

}  // namespace

std::optional<Fragment> parse_fragment(std::string_view text) {
  Fragment fragment;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !read_line(line, fragment)) return std::nullopt;
  }
  return fragment;
}

std::string serialize_fragment(const Fragment& fragment) {
  std::string text = fmt::format("m={}\r\na=mid:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", fragment.media,
                                 fragment.mid, fragment.ufrag, fragment.pwd);
  for (const std::string& candidate : fragment.candidates) text += fmt::format("a={}\r\n", candidate);
  if (fragment.end_of_candidates) text += "a=end-of-candidates\r\n";
  return text;
}

}  // namespace holdfast::whip

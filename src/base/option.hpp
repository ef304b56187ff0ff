#pragma once

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"

// Options as rows of a table: from one row come the configuration file's key, the environment's variable, the
// flag with its help, the field of a request, and the text that refuses a bad value.
namespace holdfast {

// How values of a type stand as text. `name` is what --help shows for the value; read() takes what write()
// gives, and returns "" or what the value must be.
template <typename T>
struct OptionType;

template <>
struct OptionType<std::string> {
  static constexpr std::string_view name = "TEXT";
  static std::string read(std::string_view text, std::string& value) {
    value = text;
    return {};
  }
  static std::string write(const std::string& value) { return value; }
};

template <>
struct OptionType<bool> {
  static constexpr std::string_view name = "BOOL";
  static std::string read(std::string_view text, bool& value) {
    if (text != "true" && text != "false") return "must be true or false";
    value = text == "true";
    return {};
  }
  static std::string write(bool value) { return value ? "true" : "false"; }
};

template <>
struct OptionType<unsigned> {
  static constexpr std::string_view name = "NUMBER";
  static std::string read(std::string_view text, unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? ""
                                                                    : "must be a whole number, not negative";
  }
  static std::string write(unsigned value) { return std::to_string(value); }
};

template <>
struct OptionType<double> {
  static constexpr std::string_view name = "SHARE";
  static std::string read(std::string_view text, double& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 1;
    return good ? "" : "must be a number from 0 to 1";
  }
  static std::string write(double value) { return fmt::format("{}", value); }
};

template <>
struct OptionType<Duration> {
  static constexpr std::string_view name = "DURATION";
  static std::string read(std::string_view text, Duration& value) {
    const auto parsed = parse_duration(text);
    if (!parsed) return "must be a duration such as 250ms, 1.5s, 2m or 1h, at most 30d";
    value = *parsed;
    return {};
  }
  static std::string write(Duration value) { return format_duration(value); }
};

template <>
struct OptionType<ByteSize> {
  static constexpr std::string_view name = "SIZE";
  static std::string read(std::string_view text, ByteSize& value) {
    const auto parsed = parse_byte_size(text);
    if (!parsed) return "must be a size such as 4MiB, 1GB or 512";
    value = *parsed;
    return {};
  }
  static std::string write(ByteSize value) { return format_byte_size(value); }
};

// An enumeration, for an OptionType<T> whose `name` lists all its spellings: "a|b|c".
template <typename T, std::optional<T> (*Parse)(std::string_view)>
struct OptionOneOf {
  static std::string read(std::string_view text, T& value) {
    if (const auto parsed = Parse(text)) {
      value = *parsed;
      return {};
    }
    std::string must = "must be ";
    std::string_view rest = OptionType<T>::name;
    for (std::size_t bar = rest.find('|'); bar != rest.npos; bar = rest.find('|')) {
      must += rest.substr(0, bar);
      rest.remove_prefix(bar + 1);
      must += rest.contains('|') ? ", " : " or ";
    }
    return must + std::string(rest);
  }
  static std::string write(T value) { return std::string(to_string(value)); }
};

template <typename T>
struct OptionType<std::vector<T>> {
  static constexpr std::string_view name = OptionType<T>::name;
  static std::string write(const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) text += (text.empty() ? "" : ",") + OptionType<T>::write(value);
    return text;
  }
};

// Which values are in range: `least` and more, `most` and less, and zero beside them where zero means
// "never".
enum class Zero : unsigned char { as_any, too };
template <typename T>
struct Range {
  std::optional<T> least{};
  std::optional<T> most{};
  Zero zero = Zero::as_any;

  // "" or what the value must be.
  std::string problem(const T& value) const {
    const auto is_below = [](const T& a, const T& b) {
      if constexpr (std::is_same_v<T, ByteSize>) {
        return a.bytes < b.bytes;
      } else {
        return a < b;
      }
    };
    if (zero == Zero::too && value == T{}) return {};
    if (!(least && is_below(value, *least)) && !(most && is_below(*most, value))) return {};
    const auto text = [](const T& limit) { return OptionType<T>::write(limit); };
    const std::string rule = least && most ? text(*least) + " to " + text(*most)
                             : least       ? text(*least) + " or more"
                                           : text(*most) + " or less";
    return "must be " + rule + (zero == Zero::too ? ", or 0" : "");
  }
};
struct AnyValue {};

// A row: an option of an Owner, a struct whose members hold the values.
template <typename Owner>
struct Option {
  std::string_view name;
  std::string_view value_name;
  std::string_view help;
  bool is_list = false;
  bool is_duration = false;
  // Takes the value from text: one, or for lists any number. "" or what it must be; then the owner may hold
  // it in part.
  std::function<std::string(Owner&, std::span<const std::string>)> set;
  std::function<std::string(const Owner&)> get;
};

template <typename T>
constexpr bool is_list = false;
template <typename T>
constexpr bool is_list<std::vector<T>> = true;

template <typename T>
std::string read_values(std::span<const std::string> texts, std::vector<T>& values) {
  values.clear();
  for (const std::string& text : texts) {
    if (auto problem = OptionType<T>::read(text, values.emplace_back()); !problem.empty()) return problem;
  }
  return {};
}
template <typename T>
std::string read_values(std::span<const std::string> texts, T& value) {
  return texts.size() == 1 ? OptionType<T>::read(texts.front(), value) : "must be one value";
}

// `field` gives the member of an Owner; `range` is a Range of its type, or AnyValue.
template <typename Owner, typename Field, typename Limits = AnyValue>
Option<Owner> make_option(std::string_view name, Field field, std::string_view help, Limits range = {}) {
  using Value = std::remove_cvref_t<decltype(field(std::declval<Owner&>()))>;
  return {.name = name,
          .value_name = OptionType<Value>::name,
          .help = help,
          .is_list = is_list<Value>,
          .is_duration = std::is_same_v<Value, Duration>,
          .set =
              [field, range](Owner& owner, std::span<const std::string> texts) {
                std::string problem = read_values(texts, field(owner));
                if constexpr (!std::is_same_v<Limits, AnyValue>) {
                  if (problem.empty()) problem = range.problem(field(owner));
                }
                return problem;
              },
          .get =
              [field](const Owner& owner) {
                return OptionType<Value>::write(field(const_cast<Owner&>(owner)));  // field() changes nothing
              }};
}

}  // namespace holdfast

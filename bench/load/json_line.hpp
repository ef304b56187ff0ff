#pragma once

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::bench {

// A figure a field, in one line on stdout; numbers as people write them.
class JsonLine {
 public:
  JsonLine& add(std::string_view name, std::string_view value) { return put(name, quoted(value)); }
  JsonLine& add(std::string_view name, const std::vector<std::string>& values) {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ",") + quoted(value);
    return put(name, "[" + list + "]");
  }
  // To a thousandth.
  JsonLine& add(std::string_view name, const std::vector<double>& values) {
    std::string list;
    for (const double value : values) list += fmt::format("{}{:.3f}", list.empty() ? "" : ",", value);
    return put(name, "[" + list + "]");
  }
  JsonLine& add(std::string_view name, bool value) { return put(name, value ? "true" : "false"); }
  JsonLine& add(std::string_view name, std::integral auto value) { return put(name, fmt::to_string(value)); }
  // To a thousandth.
  JsonLine& add(std::string_view name, double value) { return put(name, fmt::format("{:.3f}", value)); }

  void print() const {
    fmt::print("{{{}}}\n", fields_);
    std::fflush(stdout);
  }

 private:
  static std::string quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string(text));
  }
  JsonLine& put(std::string_view name, std::string_view value) {
    fields_ += fmt::format("{}\"{}\":{}", fields_.empty() ? "" : ",", name, value);
    return *this;
  }

  std::string fields_;
};

}  // namespace holdfast::bench

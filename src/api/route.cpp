#include "api/route.hpp"

#include <algorithm>

namespace holdfast::api {
namespace {

// Takes the first segment off, without its slash.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

std::string_view* place_of(std::string_view name, PathParameters& parameters) {
  if (name == "{mint_id}") return &parameters.mint_id;
  if (name == "{recording_id}") return &parameters.recording_id;
  return name == "{session_id}" ? &parameters.session_id : nullptr;
}

}  // namespace

std::optional<PathParameters> match(std::string_view pattern, std::string_view path) {
  PathParameters parameters;
  while (!pattern.empty() && path.starts_with('/')) {
    const std::string_view expected = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    std::string_view* place = place_of(expected, parameters);
    if (place == nullptr) {
      if (segment != expected) return std::nullopt;
      continue;
    }
    const bool may_be_empty = place == &parameters.mint_id && pattern.empty();
    if (segment.empty() && !may_be_empty) return std::nullopt;
    *place = segment;
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameters;
}

bool accepts(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

}  // namespace holdfast::api

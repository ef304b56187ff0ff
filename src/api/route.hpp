#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::api {

// Who may ask.
enum class Access : std::uint8_t {
  open,       // anybody: a probe has no token, and learns nothing
  signature,  // anybody: the handler believes nothing that is not signed
  api_token,
  whip_token,  // or api_token, if there is no whip_token
};
enum class Query : std::uint8_t { refused, accepted };
enum class Body : std::uint8_t {
  none,
  json,   // an object; may be left out
  other,  // the handler reads it
};

// One line of the API. Its pattern is that of docs/openapi.yaml.
struct Route {
  std::string_view method;   // GET answers HEAD, too
  std::string_view pattern;  // "/api/recording/start/{mint_id}": at most one segment in braces for each name
  Access access = Access::api_token;
  Query query = Query::refused;
  Body body = Body::none;
};

// The segments of a path that stand in a pattern's braces, still percent-encoded.
struct PathParameters {
  std::string_view mint_id{};
  std::string_view recording_id{};
  std::string_view session_id{};
};

// nullopt: the path is another one. A parameter is one whole segment, and empty only if it is a mint_id at
// the end, so that the caller can say what is missing.
std::optional<PathParameters> match(std::string_view pattern, std::string_view path);

bool accepts(const Route& route, std::string_view method);

}  // namespace holdfast::api

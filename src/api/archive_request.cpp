#include "api/archive_request.hpp"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "control/mint_id.hpp"

namespace holdfast::api {
namespace {

namespace json = boost::json;

// Puts the value in its place and gives "", or says what it must be.
using Take = std::string_view (*)(archive::Query&, const std::string&);
struct Parameter {
  std::string_view name;
  Take take;
};

std::string_view take_limit(archive::Query& query, const std::string& value) {
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), limit);
  if (error != std::errc() || end != value.data() + value.size() || limit < 1 || limit > max_page) {
    return "must be a whole number from 1 to 10000";
  }
  query.limit = limit;
  return {};
}

std::string_view take_before(archive::Query& query, const std::string& value) {
  query.before = archive::parse_position(value);
  return query.before
             ? ""
             : "must be the `next` of an earlier response, or a time such as 2026-11-22T16:45:01.250Z";
}

std::string_view take_mint_id(archive::Query& query, const std::string& value) {
  if (!control::is_valid_mint_id(value)) return control::mint_id_rule;
  query.mint_id = value;
  return {};
}

constexpr std::array<Parameter, 3> parameters{
    {{"limit", take_limit}, {"before", take_before}, {"mint_id", take_mint_id}}};

bool is_control(char c) {
  return (c >= 0 && c < ' ') || c == 0x7f;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::expected<archive::Query, control::FieldError> parse_recordings_query(std::string_view text) {
  archive::Query query;
  std::vector<std::string_view> given;
  for (const std::string_view pair : split(text, '&')) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const auto parameter = std::ranges::find(parameters, name, &Parameter::name);
    if (parameter == parameters.end()) {
      return control::wrong_field(
          printable(name), fmt::format("unknown parameter \"{}\"; the parameters are limit, before, mint_id",
                                       printable(name)));
    }
    if (std::ranges::find(given, name) != given.end())
      return control::wrong_field(name, fmt::format("the parameter {} is given twice", name));
    given.push_back(name);
    const auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    const std::string_view problem =
        value ? parameter->take(query, *value) : std::string_view("has a malformed percent escape");
    if (!problem.empty()) return control::wrong_field(name, fmt::format("{} {}", name, problem));
  }
  return query;
}

std::expected<MarkerRequest, control::FieldError> parse_marker_request(std::string_view mint_id,
                                                                       std::string_view body) {
  const auto object = control::parse_object(body);
  if (!object) return std::unexpected(object.error());
  MarkerRequest request{.mint_id = std::string(mint_id), .text = {}};
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name != "mint_id" && name != "text") {
      return control::wrong_field(
          printable(name),
          fmt::format("unknown field \"{}\"; the fields are mint_id, text", printable(name)));
    }
    const json::string* text = member.value().if_string();
    if (text == nullptr) return control::wrong_field(name, fmt::format("{} must be a string", name));
    if (name == "text") {
      request.text.assign(text->data(), text->size());
    } else if (!request.mint_id.empty() && std::string_view(*text) != request.mint_id) {
      return control::wrong_field("mint_id", "mint_id differs from the mint_id in the path");
    } else {
      request.mint_id.assign(text->data(), text->size());
    }
  }
  if (request.mint_id.empty())
    return control::wrong_field("mint_id", "mint_id is missing: send it in the path or in the body");
  if (!control::is_valid_mint_id(request.mint_id))
    return control::wrong_field("mint_id", fmt::format("mint_id {}", control::mint_id_rule));
  if (request.text.empty() || request.text.size() > max_marker_bytes ||
      std::ranges::any_of(request.text, is_control)) {
    return control::wrong_field("text", "text must be 1 to 1000 bytes without control characters");
  }
  return request;
}

}  // namespace holdfast::api

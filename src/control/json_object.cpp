#include "control/json_object.hpp"

#include <boost/json/parse.hpp>
#include <utility>

namespace holdfast::control {

std::unexpected<FieldError> wrong_field(std::string_view field, std::string message) {
  return std::unexpected(FieldError{FieldError::Kind::field, std::string(field), std::move(message)});
}

std::expected<boost::json::object, FieldError> parse_object(std::string_view text) {
  if (text.empty()) return boost::json::object();
  const auto no_object = [](std::string message) {
    return std::unexpected(FieldError{FieldError::Kind::no_object, {}, std::move(message)});
  };
  boost::json::parse_options options;
  options.max_depth = 4;
  boost::system::error_code error;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return no_object("the body is not JSON: " + error.message());
  if (!value.is_object()) return no_object("the body must be a JSON object");
  return std::move(value.as_object());
}

}  // namespace holdfast::control

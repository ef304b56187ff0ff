#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace holdfast::control {

// What is wrong with a JSON object that somebody sent, and with which of its fields.
struct FieldError {
  enum class Kind : std::uint8_t {
    no_object,  // it is no JSON object at all
    field,
  };
  Kind kind = Kind::field;
  std::string field;  // empty: the object as a whole
  std::string message;
};
std::unexpected<FieldError> wrong_field(std::string_view field, std::string message);

// An empty text is an object without fields. At most four levels deep.
std::expected<boost::json::object, FieldError> parse_object(std::string_view text);

}  // namespace holdfast::control

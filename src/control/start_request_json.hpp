#pragma once

#include <boost/json/fwd.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "control/json_object.hpp"
#include "control/start_request.hpp"

// A start request as JSON: the body of an API call, and what the service's files keep.
namespace holdfast::control {

// Reads a JSON object; an empty body is one without fields. Strict: a field that we do not know is an error
// that names the nearest known one. `mint_id` is the one from the path, or empty: then the body must have it.
std::expected<StartRequest, FieldError> parse_start_request(std::string_view mint_id, std::string_view body);
// The same for POST /api/recording/stop, whose only field is mint_id.
std::expected<std::string, FieldError> parse_stop_request(std::string_view mint_id, std::string_view body);
// The same for POST /api/follow: the fields of a start but `token`, since a follow outlives any token.
std::expected<StartRequest, FieldError> parse_follow_request(std::string_view mint_id, std::string_view body);

// The fields that were given, as parse_start_request() reads them.
boost::json::object to_json(const StartRequest& request);

// All options of a recording, as they are saved with it: {"format": "mpegts", ...}.
boost::json::object to_json(const GivenOptions& options);
// Leaves out what this version does not know: another version saved it. Errors: invalid (a value that is out
// of range).
Result<GivenOptions> parse_saved_options(const boost::json::object& saved);

}  // namespace holdfast::control

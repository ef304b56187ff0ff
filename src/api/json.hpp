#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "api/follows.hpp"
#include "api/start_request.hpp"
#include "archive/page.hpp"
#include "base/http.hpp"
#include "base/result.hpp"
#include "recording/status.hpp"
#include "storage/scan.hpp"

namespace holdfast::api {

// The values of docs/openapi.yaml.
boost::json::object to_json(const recording::Status& status);
boost::json::object to_json(const storage::RecordingSummary& recording);
boost::json::object to_json(const archive::Page& page);
boost::json::object to_json(const FollowStatus& status);
// What GET /api/recording/formats says.
boost::json::object formats_json(container::Format by_default);

HttpResponse json_response(int status, const boost::json::object& body);
// {"success": false, "error": message}, and the field, where one is to blame.
HttpResponse error_response(int status, std::string_view message, std::string_view field = {});
HttpResponse error_response(const FieldError& error);
// The same, with the status that tells a client what to do about it; 503 with Retry-After.
HttpResponse error_response(const Error& error);

}  // namespace holdfast::api

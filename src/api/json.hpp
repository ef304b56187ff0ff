#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "api/follows.hpp"
#include "archive/page.hpp"
#include "base/http.hpp"
#include "base/result.hpp"
#include "control/json_object.hpp"
#include "control/status.hpp"
#include "recording/status.hpp"
#include "storage/scan.hpp"

namespace holdfast::api {

// The values of docs/openapi.yaml.
boost::json::object to_json(const recording::Status& status);
boost::json::object to_json(const control::WatchStatus& status);
// As a part of an answer.
boost::json::object part_json(const control::WatchStatus& status);
// The newest recording's fields; all of them under "recordings" where there are several. Never empty.
boost::json::object list_json(const std::vector<recording::Status>& list);
// The recordings of a mint id, and the watch of its room: under "watch" where there are recordings, else the
// whole answer. Not both are empty.
boost::json::object stream_json(const std::vector<recording::Status>& list,
                                const std::optional<control::WatchStatus>& watch);
boost::json::object to_json(const storage::RecordingSummary& recording);
boost::json::object to_json(const archive::Page& page);
boost::json::object to_json(const FollowStatus& status);
// What GET /api/recording/formats says.
boost::json::object formats_json(container::Format by_default);

HttpResponse json_response(int status, const boost::json::object& body);
// {"success": false, "error": message}, and the field, where one is to blame.
HttpResponse error_response(int status, std::string_view message, std::string_view field = {});
HttpResponse error_response(const control::FieldError& error);
// The same, with the status that tells a client what to do about it; 503 with Retry-After.
HttpResponse error_response(const Error& error);
// 404: no recording of that mint id is known; it is not followed.
HttpResponse unknown_recording(std::string_view mint_id);
HttpResponse not_followed(std::string_view mint_id);

}  // namespace holdfast::api

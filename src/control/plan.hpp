#pragma once

#include <functional>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "control/settings.hpp"
#include "control/start_request.hpp"
#include "livekit/membership.hpp"
#include "recording/admission.hpp"
#include "recording/session.hpp"

// What a request comes to. Functions of their arguments alone.
namespace holdfast::control {

// How to get into the room of a stream. `endpoint` is the configured one, or null; it outlives what is
// returned. Errors: invalid (no server, or no credentials: such a request can never work as configured).
Result<livekit::RoomAccess> room_access(const StartRequest& request, const Settings& settings,
                                        const livekit::TokenEndpoint* endpoint);

// A recording as it is to be begun.
struct RecordingPlan {
  StartRequest request;
  RecordingOptions options;
  recording::SessionOptions session;
};
// What it asks of a worker.
recording::Transcoding transcoding(const RecordingOptions& options);
// `participant` goes into the id of a recording that is one of several under its mint id; else empty.
// `is_taken` knows the ids that exist: a mint id that starts twice within a millisecond takes the next one,
// since ids have milliseconds.
RecordingPlan plan_recording(StartRequest request, const RecordingOptions& options, const Settings& settings,
                             std::string_view participant, WallTime now,
                             const std::function<bool(std::string_view id)>& is_taken);

// What to do in the room. `wait_limit` is how long the stream may take to be live.
livekit::Membership::Options membership_options(const StartRequest& request, const RecordingOptions& options,
                                                livekit::RoomAccess access, std::string id,
                                                Duration wait_limit);

}  // namespace holdfast::control

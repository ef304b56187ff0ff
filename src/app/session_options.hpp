#pragma once

#include "api/start_request.hpp"
#include "app/config.hpp"
#include "recording/session.hpp"

namespace holdfast::app {

// The request with all that it leaves to the configuration. It is saved with its recording, which keeps these
// options whatever the configuration says when it is resumed.
api::StartRequest complete(api::StartRequest request, const Config& config);

// What a session does for a complete request. The caller adds what belongs to one recording: its id and start
// time, the addresses, and where it continues.
recording::SessionOptions make_session_options(const api::StartRequest& request, const Config& config);

}  // namespace holdfast::app

#pragma once

#include "control/settings.hpp"
#include "recording/session.hpp"

namespace holdfast::control {

// What a session does for a recording's options. The caller adds what belongs to one recording: its ids and
// start time, and where it continues.
recording::SessionOptions make_session_options(const RecordingOptions& options, const Settings& settings);

}  // namespace holdfast::control

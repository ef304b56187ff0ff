#pragma once

#include <span>
#include <string>

#include "api/recorder.hpp"
#include "recording/status.hpp"

namespace holdfast::api {

// The Prometheus text format 0.0.4. Recordings of one mint id are added up (of the packet streak the longest
// counts). At most `label_limit` mint ids get series of their own, the oldest recordings first; the rest are
// added up under mint_id="(other)", which is no valid mint id, and counted in recording_metrics_omitted.
std::string render_metrics(std::span<const recording::Status> active, const ProcessMetrics& process,
                           std::size_t label_limit);

}  // namespace holdfast::api

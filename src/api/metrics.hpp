#pragma once

#include <span>
#include <string>

#include "api/recorder.hpp"
#include "recording/status.hpp"
#include "recording/totals.hpp"

namespace holdfast::api {

// The Prometheus text format 0.0.4. Recordings of one mint id are added up (of the packet streak the longest
// counts). Mint ids without a series of their own in `totals` are added up under mint_id="(other)", which is
// no valid mint id, and counted in recording_metrics_omitted.
std::string render_metrics(std::span<const recording::Status> active, const recording::Totals& totals,
                           const ProcessMetrics& process);

}  // namespace holdfast::api

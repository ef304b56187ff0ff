#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::journal {

// Why a recording ended.
enum class EndReason : std::uint8_t {
  stopped,       // somebody stopped it, or the service by hand
  stream_ended,  // the publisher or the room ended
  refused,       // the server did not let the recorder in
  failed,        // it cannot continue: its error says why
  gap_limit,     // no media for so long
  mute_limit,    // all tracks muted for so long
  shutdown,      // the service was shut down, and the next one resumes it
  interrupted,   // its recorder died, and it was closed later
  repaired,      // made by `holdfast repair`
  unknown,       // a reason that a newer version wrote
};
// As in the journal and the API: "stopped", "stream_ended", ...
std::string_view to_string(EndReason reason);
EndReason parse_end_reason(std::string_view name);

// Why a part was started.
enum class PartReason : std::uint8_t {
  start,         // the first
  resumed,       // by another process
  video_format,  // the container cannot continue with another size or codec
  late_video,    // the part before has sound alone
  disk,          // the disk failed to keep the part before, or it was deleted
  split,         // POST /api/recording/split
  duration,      // part_duration
  size,          // part_size
  recovered,     // its recorder died before it could note it
  repaired,      // made by `holdfast repair`
  unknown,       // a reason that a newer version wrote
};
std::string_view to_string(PartReason reason);
PartReason parse_part_reason(std::string_view name);

}  // namespace holdfast::journal

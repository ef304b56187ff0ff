#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "container/muxer.hpp"

namespace holdfast::container {

// At most `size` bytes of a file from `offset` on; fewer at its end.
using ReadAt = std::function<Result<ByteVector>(std::uint64_t offset, std::uint64_t size)>;

struct WholePart {
  std::uint64_t size = 0;
  // MPEG-TS: the highest PTS near the end, as it stands in the file (33 bits).
  std::optional<media::Ticks> last_pts{};
};

// How many bytes of a recording that was cut off are whole: up to the end of its last whole frame (MPEG-TS),
// fragment (MP4) or cluster (Matroska). Less than all of `size` if the rest is half a frame, or was never
// written though the file is that long (a power cut leaves zeros). Damage further in front is left alone, for
// another to judge. 0: there is not one frame.
//
// Reads the last megabytes of an MPEG-TS file, and the headers only of the others. Errors: those of `read`.
Result<WholePart> find_whole_part(Format format, std::uint64_t size, const ReadAt& read);

}  // namespace holdfast::container

#pragma once

#include "base/bytes.hpp"
#include "media/frame.hpp"

// PES packets (ISO/IEC 13818-1 section 2.4.3.6): one frame, one packet.
namespace holdfast::container::ts {

// The largest frame that fits into the length fields of its packet.
std::size_t max_payload(media::Codec codec);

// Appends to `before` what goes before the returned rest of the frame's payload: the PES header and what the
// stream type wants. The length is exact for audio and open (0) for video. `config` as in media::TrackFormat;
// the payload's size is at most max_payload(). H.264, AAC, Opus.
Bytes make_pes(const media::Frame& frame, Bytes config, ByteVector& before);

}  // namespace holdfast::container::ts

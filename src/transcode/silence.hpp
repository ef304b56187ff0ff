#pragma once

#include "base/bytes.hpp"
#include "media/frame.hpp"

namespace holdfast::transcode {

// One coded frame of silence, at 48 kHz: 20 ms of Opus (mono, which every decoder takes), or 1,024 samples of
// AAC-LC with `channels` 1 or 2, to be put between frames of OpusToAac. Made once; any thread. Audio codecs
// only.
Bytes silence(media::Codec codec, int channels);
// How long that frame lasts.
media::Ticks silence_duration(media::Codec codec);

}  // namespace holdfast::transcode

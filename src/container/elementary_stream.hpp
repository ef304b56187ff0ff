#pragma once

#include "base/bytes.hpp"
#include "media/frame.hpp"

// What MPEG-TS puts before coded frames in their PES packets. All append to `out`.
namespace holdfast::container::ts {

// H.264 (ISO/IEC 13818-1 section 2.14.1): an access unit begins with a delimiter, and a key frame has its
// parameter sets. What it lacks is put to `out`, to go before what is returned: `access_unit`, or its rest if
// the delimiter is its own.
Bytes frame_h264(Bytes access_unit, media::Picture picture, Bytes parameter_sets, ByteVector& out);

// The header of an ADTS frame (ISO/IEC 13818-7 section 6.2) for a raw_data_block of `size` bytes. `config` is
// an AudioSpecificConfig that is_adts_config() accepts; size <= max_adts_payload.
inline constexpr std::size_t adts_header_size = 7;
inline constexpr std::size_t max_adts_payload = 8191 - adts_header_size;
bool is_adts_config(Bytes config);
void append_adts_header(Bytes config, std::size_t size, ByteVector& out);

// opus_control_header of "Opus in MPEG-TS", without trimming and extension.
void append_opus_control_header(std::size_t size, ByteVector& out);

}  // namespace holdfast::container::ts

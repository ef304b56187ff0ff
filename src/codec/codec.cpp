#include <cstdlib>

#include "codec/h264.hpp"
#include "codec/opus.hpp"
#include "codec/vp8.hpp"

namespace holdfast::codec {

std::unique_ptr<Depacketizer> make_depacketizer(media::Codec codec) {
  switch (codec) {
    case media::Codec::h264:
      return std::make_unique<H264Depacketizer>();
    case media::Codec::vp8:
      return std::make_unique<Vp8Depacketizer>();
    case media::Codec::opus:
      return std::make_unique<OpusDepacketizer>();
    case media::Codec::aac:
      break;
  }
  std::abort();  // never negotiated: it has no RTP form here
}

std::unique_ptr<Packetizer> make_packetizer(media::Codec codec, std::size_t max_payload) {
  switch (codec) {
    case media::Codec::h264:
      return std::make_unique<H264Packetizer>(max_payload);
    case media::Codec::vp8:
      return std::make_unique<Vp8Packetizer>(max_payload);
    case media::Codec::opus:
      return std::make_unique<OpusPacketizer>();
    case media::Codec::aac:
      break;
  }
  std::abort();
}

}  // namespace holdfast::codec

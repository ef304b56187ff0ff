#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.hpp"
#include "media/frame.hpp"

namespace holdfast::codec {

enum class Last : bool { no, yes };

// Takes the RTP payloads of a frame in order, borrowed for the call. In video the last one carries the
// marker.
class PayloadSink {
 public:
  virtual ~PayloadSink() = default;
  virtual void payload(Bytes payload, Last last) = 0;
};

// Cuts coded frames into RTP payloads: the other way of a Depacketizer, for the publisher. Sans-IO, one
// thread.
class Packetizer {
 public:
  // Leaves room for RTP, SRTP, RTX, UDP and IPv6 in a path MTU of 1,280 bytes.
  static constexpr std::size_t default_max_payload = 1180;

  virtual ~Packetizer() = default;
  // `frame` as media::Frame::payload. A frame without content gives nothing.
  virtual void packetize(Bytes frame, PayloadSink& sink) = 0;
};

// `max_payload` >= 64 bytes. `codec` is one of those that have an RTP form: not AAC.
std::unique_ptr<Packetizer> make_packetizer(media::Codec codec,
                                            std::size_t max_payload = Packetizer::default_max_payload);

}  // namespace holdfast::codec

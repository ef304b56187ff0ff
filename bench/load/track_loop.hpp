#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "publish/encoder.hpp"

namespace holdfast::bench {

// Coded frames of one track, packetised once, to be sent over and over by many sessions. Copied for each
// thread: the room for the RTP header in front of each payload is written to.
class TrackLoop {
 public:
  struct Packet {
    std::uint32_t offset = 0;  // of the header's room
    std::uint16_t size = 0;    // with the header
    bool marker = false;
    std::uint32_t timestamp = 0;  // from the loop's beginning, in units of the clock rate
  };
  // Packets that leave together: a frame, or a part of a large one.
  struct Burst {
    Duration due{};  // from the loop's beginning
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  // A frame of more packets leaves in up to three bursts, 5 ms apart, as publishers pace their key frames.
  static constexpr std::size_t packets_at_once = 16;
  static constexpr Duration pace = std::chrono::milliseconds(5);

  // `frames` of one codec, the first at time 0; `length` is when it begins again: a whole number of units of
  // `clock_rate`, after the last frame.
  TrackLoop(std::span<const publish::EncodedFrame> frames, std::uint32_t clock_rate, Duration length);

  std::span<const Packet> packets() const { return packets_; }
  std::span<const Burst> bursts() const { return bursts_; }
  // Header and payload; the header is what was written there last.
  MutableBytes bytes(const Packet& packet) {
    return MutableBytes(bytes_).subspan(packet.offset, packet.size);
  }
  std::uint32_t clock_rate() const { return clock_rate_; }
  Duration length() const { return length_; }
  // In units of the clock rate.
  std::uint32_t units() const { return units_; }

 private:
  class Collect;
  void add_bursts(Duration due, std::uint32_t first);

  std::uint32_t clock_rate_;
  Duration length_;
  std::uint32_t units_;
  ByteVector bytes_;
  std::vector<Packet> packets_;
  std::vector<Burst> bursts_;
};

// What every session sends.
struct MediaLoop {
  TrackLoop video;  // H.264
  TrackLoop audio;  // Opus
};

// Seconds from one key frame to the next. The loop has two of them.
inline constexpr int key_frame_seconds = 2;

// Encodes the test picture and tone. Errors: as publish::open_synthetic_source.
Result<MediaLoop> encode_loop(int bits_per_second, int frames_per_second);

}  // namespace holdfast::bench

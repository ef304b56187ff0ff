#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "codec/depacketizer.hpp"
#include "codec/packetizer.hpp"

// What the tests of this folder share. Only tests include it.
namespace holdfast::codec {

inline ByteVector read_golden(const std::string& name) {
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../tests/golden";
  std::ifstream file(folder / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ByteVector join(std::initializer_list<Bytes> parts) {
  ByteVector whole;
  for (const Bytes part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

// A packet as a depacketizer sees it, that owns its bytes.
struct TestPacket {
  std::int64_t time = 0;
  bool marker = false;
  ByteVector payload;
};

// The packets of a golden .rtp file. Their headers have neither CSRCs nor extensions.
inline std::vector<TestPacket> read_golden_rtp(const std::string& name) {
  const ByteVector file = read_golden(name);
  std::vector<TestPacket> packets;
  for (ByteReader reader(file); reader.remaining() > 0;) {
    ByteReader packet(reader.read_bytes(reader.read_u16()));
    packet.skip(1);
    const bool marker = packet.read_u8() >= 0x80;
    packet.skip(2);
    const std::int64_t time = packet.read_u32();
    packet.skip(4);
    packets.push_back({time, marker, ByteVector(packet.rest().begin(), packet.rest().end())});
  }
  return packets;
}

// Cuts frames with a packetizer, 3,000 ticks apart.
class TestSender final : public PayloadSink {
 public:
  explicit TestSender(Packetizer& packetizer) : packetizer_(packetizer) {}
  void send(Bytes frame) {
    packetizer_.packetize(frame, *this);
    time_ += 3000;
  }
  void payload(Bytes payload, Last last) override {
    packets.push_back({time_, last == Last::yes, ByteVector(payload.begin(), payload.end())});
  }
  std::vector<TestPacket> packets;

 private:
  Packetizer& packetizer_;
  std::int64_t time_ = 0;
};

// Keeps what a depacketizer makes.
class TestSink final : public FrameSink {
 public:
  struct KeptFrame {
    CodedFrame frame;
    ByteVector payload;
  };
  void frame(const CodedFrame& frame) override {
    frames.push_back({frame, ByteVector(frame.payload.begin(), frame.payload.end())});
    settled += frame.packets;
  }
  void discard(Discard why, std::uint32_t packets) override {
    discards[why] += packets;
    settled += packets;
  }

  std::vector<KeptFrame> frames;
  std::map<Discard, std::uint32_t> discards;
  std::uint64_t settled = 0;  // packets accounted for
};

inline void push_all(Depacketizer& depacketizer, const std::vector<TestPacket>& packets, TestSink& sink) {
  for (const TestPacket& packet : packets) {
    depacketizer.push({packet.time, packet.marker, packet.payload}, sink);
  }
}

// Pushes the packets, one in thirty lost: only frames that lost nothing come out, whole, and every packet is
// accounted for. Adds how many frames came.
inline void push_with_losses(Depacketizer& depacketizer, const std::vector<TestPacket>& packets,
                             const std::vector<ByteVector>& originals, Random& random, std::size_t& frames) {
  TestSink sink;
  std::uint64_t pushed = 0;
  for (const TestPacket& packet : packets) {
    if (random.below(30) == 0) {
      depacketizer.handle_loss(sink);
      continue;
    }
    ++pushed;
    depacketizer.push({packet.time, packet.marker, packet.payload}, sink);
  }
  depacketizer.flush(sink);
  ASSERT_EQ(sink.settled, pushed);
  for (const auto& frame : sink.frames)
    ASSERT_NE(std::ranges::find(originals, frame.payload), originals.end());
  frames += sink.frames.size();
}

// Pushes packets of which many are mutated, cut or lost; gives how many were pushed, which the sink must have
// settled.
inline std::uint64_t push_hostile(Depacketizer& depacketizer, const std::vector<TestPacket>& packets,
                                  Random& random, TestSink& sink) {
  std::uint64_t pushed = 0;
  for (const TestPacket& packet : packets) {
    ByteVector payload = packet.payload;
    if (random.below(2) == 0) payload.resize(random.below(payload.size() + 1));
    for (std::uint64_t flips = random.below(4); flips > 0 && !payload.empty(); --flips) {
      const std::size_t within =
          random.below(2) == 0 ? std::min<std::size_t>(payload.size(), 16) : payload.size();
      payload[random.below(within)] = static_cast<std::uint8_t>(random.next_u32());
    }
    if (random.below(8) == 0) depacketizer.handle_loss(sink);
    // Exactly as long as it is, so that a sanitizer sees a read past its end.
    const ByteVector exact(payload);
    depacketizer.push({packet.time, random.below(3) == 0, exact}, sink);
    ++pushed;
  }
  depacketizer.flush(sink);
  return pushed;
}

}  // namespace holdfast::codec
